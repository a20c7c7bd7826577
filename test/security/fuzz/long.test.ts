import fc from "fast-check";
import { expect } from "vitest";
import { parseSitemap } from "../../../src/config/sitemap.ts";
import { redactUrl } from "../../../src/observe/redact.ts";
import { parseTraceParent } from "../../../src/observe/trace-context.ts";
import { requestDirectives } from "../../../src/policy/cache-control.ts";
import { cacheGroups } from "../../../src/policy/cache-groups.ts";
import { entityTags } from "../../../src/policy/entity-tag.ts";
import { endToEnd, mediaType } from "../../../src/policy/fields.ts";
import { parseHttpDate } from "../../../src/policy/http-date.ts";
import { selectFrom, withoutParameters } from "../../../src/policy/key.ts";
import { canonicalTarget, searchVariance } from "../../../src/policy/no-vary-search.ts";
import { withValidCacheStatus } from "../../../src/policy/outcome.ts";
import { partOf } from "../../../src/policy/partial.ts";
import { canonicalPreferences } from "../../../src/policy/preferences.ts";
import { rangeOf } from "../../../src/policy/range.ts";
import { fieldTags } from "../../../src/policy/tags.ts";
import { instructionsOf } from "../../../src/policy/targeted.ts";
import { clientAddress, isHost, trustedPeers } from "../../../src/server/peer.ts";
import { decodeMeta } from "../../../src/store/codec.ts";
import { aRequest, aStored, NOW, URI } from "../../policy/builders.ts";
import { fuzz } from "./harness.ts";

const PROXIES = trustedPeers(["0.0.0.0/0", "::/0"]);
const VARIANCE = { parameters: { type: "all-but", names: ["a"] }, keyOrder: true } as const;

/** Whatever reads texts that others have written. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  "Cache-Control": (text) => requestDirectives(["Cache-Control", text]),
  "CDN-Cache-Control": (text) => instructionsOf(["CDN-Cache-Control", text], NOW),
  "Surrogate-Control": (text) => instructionsOf(["Surrogate-Control", text], NOW),
  "X-Accel-Expires": (text) => instructionsOf(["X-Accel-Expires", text], NOW),
  "Cache-Groups": (text) => cacheGroups(["Cache-Groups", text], URI),
  "No-Vary-Search": (text) => searchVariance(["No-Vary-Search", text]),
  "Cache-Status": (text) => withValidCacheStatus(["Cache-Status", text]),
  "Cache-Tag": (text) => fieldTags(["Cache-Tag", text, "Surrogate-Key", text, "xkey", text], "xkey"),
  "Accept-Encoding": canonicalPreferences,
  Vary: (text) => selectFrom(["x"], ["X", text]),
  Connection: (text) => endToEnd(["Connection", text, "a", "b"]),
  "Content-Type": (text) => mediaType(["Content-Type", text]),
  "Content-Range": (text) => partOf(["Content-Range", text, "Content-Type", text]),
  "If-None-Match": entityTags,
  Range: (text) => rangeOf(aRequest({ fields: { Range: `bytes=${text}` } }), aStored(), 10, NOW),
  "If-Range": (text) =>
    rangeOf(aRequest({ fields: { Range: "bytes=0-0", "If-Range": text } }), aStored(), 10, NOW),
  Date: (text) => parseHttpDate(text, NOW),
  Host: isHost,
  "X-Forwarded-For": (text) => clientAddress(["X-Forwarded-For", text], "10.0.0.1", PROXIES),
  traceparent: parseTraceParent,
  "a request-target": (text) => withoutParameters(`/?${text}`, ["utm_*", "a"]),
  "a request-target whose parameters do not all count": (text) => canonicalTarget(`/?${text}`, VARIANCE),
  "a request-target in a log": (text) => redactUrl(`http://a/?${text}`),
  "a URL in a log": redactUrl,
  "a sitemap": parseSitemap,
  "a record in Redis": (text) => decodeMeta(Buffer.from(`FL2v\n${text}`)),
};

const pieces = fc.constantFrom(
  ...[
    ",",
    ";",
    "=",
    '"',
    "\\",
    '\\"',
    " ",
    "\t",
    "(",
    ")",
    "%",
    "%41",
    "@",
    "@1",
    "?",
    "&",
    "/",
    ":",
    "-",
    "*",
    "0",
    "1.0",
    "a",
    "\n",
  ],
  ...["<loc>", "<!--", "<![CDATA[", '="', "q=0", "W/", "://", "token", '%"', "[", "\xff"],
);
const text = fc.array(pieces, { minLength: 1, maxLength: 4 }).map((all) => all.join(""));

const LENGTH = 131_072;
/** For one pass over so many characters a hundredth of this is enough, for one of each with all the others a hundred times as much is not. */
const MOST_MS = 700;

fuzz("no text takes more time than its length is worth", {
  corpus: "long",
  inputs: fc.tuple(fc.constantFrom(...Object.keys(READERS)), fc.option(text), text, fc.option(text)),
  runs: 150,
  holds: ([reader, start, unit, end]) => {
    const long = (start ?? "") + unit.repeat(LENGTH / unit.length) + (end ?? "");
    const before = process.cpuUsage();
    READERS[reader]?.(long);
    // Of this process alone: how busy the machine is does not matter.
    const { user } = process.cpuUsage(before);
    expect(user / 1000).toBeLessThan(MOST_MS);
  },
});
