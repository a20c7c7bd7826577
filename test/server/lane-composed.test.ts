import type { Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { hiding } from "../../src/cache/hide-fields.ts";
import { createHits } from "../../src/cache/hit.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import type { AppSettings } from "../../src/server/app.ts";
import { createAtOnce } from "../../src/server/lane/at-once.ts";
import { factsOf } from "../../src/server/lane/facts.ts";
import { readHead } from "../../src/server/lane/head.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { aStored, later, NOW } from "../policy/builders.ts";
import { APP_SETTINGS } from "./app-settings.ts";

const SITE = "http://shop.example";
const DATE = "Thu, 15 Jan 2026 12:00:00 GMT";
/** Too little for any to be kept as objects, and enough for a few. */
const CAPACITY = 16_000;

interface Sample {
  readonly status: number;
  readonly statusMessage: string;
  readonly fields: readonly string[];
  readonly etag: string;
  readonly body: string;
  readonly lifetime: number;
}

const sample = (changes: Partial<Sample> = {}): Sample => ({
  status: 200,
  statusMessage: "OK",
  fields: ["Date", DATE, "ETag", '"x"'],
  etag: '"x"',
  body: "hello",
  lifetime: 60,
  ...changes,
});

const storedOf = (uri: string, { lifetime, body, fields, ...rest }: Sample): StoredResponse => ({
  ...aStored({
    ...rest,
    bodyLength: Buffer.byteLength(body, "latin1"),
    initialAge: 0.25,
    freshnessLifetime: lifetime,
    keep: 60,
    epoch: 0,
  }),
  uri,
  fields,
});

interface Asking {
  readonly target: number;
  readonly method: "GET" | "HEAD";
  readonly fields: string;
  readonly id: string;
  readonly at: number;
}

/** What answers from these, as they lie packed or, for comparison, as objects. */
function open(
  samples: readonly Sample[],
  settings: AppSettings,
  hidden: ReadonlySet<string>,
  packed: boolean,
) {
  const clock = { at: NOW };
  const memory = new MemoryStore({ capacity: CAPACITY, now: () => clock.at });
  for (const [i, one] of samples.entries()) {
    const uri = `${SITE}/${i}`;
    memory.keep(uri, { stored: storedOf(uri, one), body: Buffer.from(one.body, "latin1") });
  }
  const events: CacheEvent[] = [];
  let made = 0;
  const lookupNear: Parameters<typeof createHits>[0]["lookupNear"] = (key, fields) => {
    if (packed) {
      const found = memory.near(key, fields);
      if (found?.packed === undefined) return found;
      const entry = () => {
        made++;
        return Reflect.get(Object.getPrototypeOf(found), "entry", found);
      };
      return Object.defineProperty(found, "entry", { get: entry });
    }
    const found = memory.lookup(key, fields);
    return found.type === "found" ? found : undefined;
  };
  const variances = { keyFor: (uri: string) => uri } as Parameters<typeof createHits>[0]["variances"];
  const hits = createHits({ lookupNear, variances, hide: hiding(hidden), now: () => clock.at });
  const atOnce = createAtOnce({
    hits,
    emit: (event) => void events.push(event),
    hold: () => () => {},
    settings,
    keepAliveTimeoutMs: 5000,
    elapsed: () => 0,
  });
  /** What was written last. */
  let last: Buffer = Buffer.alloc(0);
  const ask = ({ target, method, fields, id, at }: Asking, isTaken = true): string | undefined => {
    clock.at = later(at);
    const text = `${method} /${target} HTTP/1.1\r\nHost: shop.example\r\nX-Request-Id: ${id}\r\n${fields}\r\n`;
    const head = readHead(Buffer.from(text, "latin1"), 0, undefined, 16_384);
    if (typeof head === "string") throw new Error(head);
    const asked = atOnce.asked(factsOf(head.section, { remoteAddress: "127.0.0.1" }, settings), head);
    if (asked === undefined) return undefined;
    let written = "";
    const socket = {
      writableLength: isTaken ? 0 : 1,
      errored: null,
      destroyed: false,
      write: (bytes: Buffer) => {
        written += bytes.toString("latin1");
        if (bytes.length > 0) last = bytes;
      },
    };
    const sent = atOnce.answer(socket as unknown as Socket, asked, () => {});
    return sent === "sent" ? written : undefined;
  };
  return { ask, events, made: () => made, last: () => last };
}

const NAMES = [
  ...["Content-Type", "Cache-Control", "Surrogate-Control", "X-Accel-Expires", "Age", "Cache-Status"],
  ...["Trailer", "Connection", "X-Frame-Options", "Access-Control-Allow-Origin", "X-Tag", "x-tag", "Vary"],
  ...["X-Request-Id", "Content-Length", "Keep-Alive", "Expect", "Via", "X\u0001", ""],
];
const VALUES = [
  "",
  "1",
  "5",
  "a: b",
  "#".repeat(36),
  "\xff",
  "a\r\nB: c",
  "a\u0001",
  "\u0100",
  "freshline; hit; ttl=5",
];

const line = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES));
const shape = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 204, 404),
  statusMessage: fc.constantFrom("OK", "OK", "OK", "", "Fine", "a\nb"),
  dated: fc.constantFrom(true, true, true, false),
  names: fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }),
});
const settings = fc.record({
  corsOrigins: fc.constantFrom<AppSettings["corsOrigins"]>([], "*", ["https://a.example"]),
  securityHeaders: fc.boolean(),
});
const asking = fc.record({
  target: fc.nat(5),
  method: fc.constantFrom("GET" as const, "GET" as const, "HEAD" as const),
  fields: fc.constantFrom(
    ...["", "", "", "Origin: https://a.example\r\n", "Origin: https://b.example\r\n"],
    ...['If-None-Match: "x"\r\n', 'If-None-Match: "y"\r\n', `If-Modified-Since: ${DATE}\r\n`],
    ...["Range: bytes=1-2\r\n", "Cache-Control: max-age=3\r\n"],
  ),
  id: fc.constantFrom("short", "0".repeat(36)),
  at: fc.integer({ min: 0, max: 12_000 }).map((tenths) => tenths / 10),
});

describe("an answer that is composed of what lies in memory", () => {
  it("is byte for byte what would be prepared of the response, whatever is stored, asked and set", () => {
    const values = fc.array(
      fc.tuple(fc.constantFrom(...VALUES), fc.constantFrom("", "x", "body", "body".repeat(20))),
      {
        minLength: 6,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 2, maxLength: 3 }),
        values,
        fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(line, { maxLength: 1 })),
        settings,
        fc.constantFrom<ReadonlySet<string>>(new Set(), new Set(["x-tag"])),
        fc.array(asking, { minLength: 8, maxLength: 24 }),
        (shapes, each, more, set, hidden, asks) => {
          const samples = each.map(([value, body], i): Sample => {
            const etag = i < 3 ? '"x"' : '"y"';
            const { dated, names, ...rest } = shapes[i % shapes.length] ?? expect.fail();
            const fields = [
              ...(dated ? ["Date", DATE, "ETag", etag] : []),
              ...names.flatMap((name) => [name, value]),
            ];
            return sample({
              ...rest,
              body,
              fields: [...fields, ...more.flat()],
              etag,
              lifetime: 30 * 10 ** (i % 3),
            });
          });
          const [packed, objects] = [true, false].map((as) =>
            open(samples, { ...APP_SETTINGS, ...set }, hidden, as),
          );
          for (const ask of asks) expect(packed?.ask(ask)).toEqual(objects?.ask(ask));
          expect(packed?.events).toEqual(objects?.events);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("does not take what follows the lines for the length of a body where none is told", () => {
    const samples = ["x", "xx"].map((body) => sample({ status: 204, body, lifetime: 9000 }));
    const { ask } = open(samples, APP_SETTINGS, new Set(), true);
    for (const target of [0, 1]) {
      const answer = ask({ target, method: "GET", fields: "", id: "0", at: 1000 });
      expect(answer).toContain("Age: 1000\r\nVia: 1.1 freshline\r\n");
    }
  });

  it("stays what it is for as long as its client has not taken it, whatever is answered meanwhile", () => {
    const samples = Array.from({ length: 6 }, (_, i) => sample({ body: `body ${i}`, lifetime: 90 }));
    const { ask, last, made } = open(samples, APP_SETTINGS, new Set(), true);
    const get = (target: number) =>
      ({ target, method: "GET", fields: "", id: "0".repeat(36), at: 1 }) as const;
    ask(get(0));
    const madeBefore = made();
    ask(get(1), false);
    const slow = last();
    const text = slow.toString("latin1");
    for (const target of [2, 3]) ask(get(target));
    expect(slow.toString("latin1")).toBe(text);
    expect(text).toContain("body 1");
    expect(made()).toBe(madeBefore);
  });

  it("needs nothing of the response but its bytes, once another of the same shape has been answered", () => {
    const samples = Array.from({ length: 6 }, (_, i) => sample({ body: "b".repeat(i), lifetime: 90 + i }));
    const { ask, made } = open(samples, APP_SETTINGS, new Set(), true);
    const asking = { method: "GET", fields: "", id: "0", at: 3 } as const;
    const first = ask({ ...asking, target: 5 });
    const madeOfFirst = made();
    for (const at of [3, 12, 80]) expect(ask({ ...asking, target: 2, at })).toMatch(/\r\n\r\nbb$/);
    expect(first).toMatch(/\r\n\r\nbbbbb$/);
    expect([madeOfFirst > 0, made()]).toEqual([true, madeOfFirst]);
  });
});
