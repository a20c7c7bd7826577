import { type Treatment, UNKEYED } from "../policy/unkeyed.ts";

/** One thing that a visitor may send beside a URL, and what to make of it where it works. */
export interface AuditInput {
  /** As the report names it. */
  readonly name: string;
  readonly method: string;
  readonly fields: readonly string[];
  readonly body?: string;
  /** Goes behind the URL's path, also for the visitor who comes next. */
  readonly suffix?: string;
  readonly advice: string;
}

/** What stands for the names that a row with a star covers. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  "x-forwarded-*": [..."host proto scheme server port prefix path uri ssl by for user".split(" ")].map(
    (ending) => `x-forwarded-${ending}`,
  ),
  "x-invoke-*": ["x-invoke-status", "x-invoke-path", "x-invoke-query"],
  "x-middleware-*": ["x-middleware-prefetch", "x-middleware-subrequest", "x-middleware-rewrite"],
  "x-vercel-*": ["x-vercel-id"],
  "x-auth-request-*": ["x-auth-request-user"],
  "x-ssl-client-*": ["x-ssl-client-s-dn"],
  "ssl-client-*": ["ssl-client-s-dn"],
  "sec-*": ["sec-fetch-dest", "sec-ch-ua-mobile"],
  "*_*": ["x_forwarded_host", "x_host", "x_original_url", "x.forwarded.host"],
};

/** Values that an origin would act on, by the field's name; the marker is what an answer would repeat. */
function valueFor(name: string, marker: string): string {
  const plain = name.replace(/[^a-z0-9]/g, "-");
  if (plain === "forwarded") return `for=192.0.2.77;host=${marker}.example;proto=nohttps`;
  if (plain === "accept-encoding") return "gzip, br";
  if (plain === "origin") return `https://${marker}.example`;
  if (plain === "cookie") return `session=${marker}; user=${marker}; lang=${marker}`;
  if (plain === "authorization") return `Bearer ${marker}`;
  if (plain === "accept") return `text/${marker}`;
  if (plain === "accept-language") return "zu";
  if (plain === "referer") return `https://${marker}.example/`;
  if (plain === "x-requested-with") return "XMLHttpRequest";
  if (/method/.test(plain)) return "POST";
  if (/status/.test(plain)) return "503";
  if (/scheme|proto|https|ssl$/.test(plain)) return "nohttps";
  if (/port$/.test(plain)) return "1337";
  if (/country/.test(plain)) return "ZZ";
  if (/-ip$|-ipv6$|addr$|-for$/.test(plain)) return "192.0.2.77";
  if (/ur[il]$|path|prefix|url$|script-name/.test(plain)) return `/${marker}`;
  if (/host|server|by$/.test(plain)) return `${marker}.example`;
  return marker;
}

const ADVICE: Readonly<Record<Treatment, (name: string) => string>> = {
  stripped: (name) => `no origin should get it: leave ${name} out of UNKEYED_FIELDS_PASS`,
  "stripped-if-safe": (name) =>
    `no origin should get it with a GET: leave ${name} out of UNKEYED_FIELDS_PASS`,
  alone: (name) => `say Vary: ${name}, or leave ${name} out of UNKEYED_FIELDS_PASS`,
  keyed: (name) => `say Vary: ${name}, or leave ${name} out of UNKEYED_FIELDS_PASS`,
  "as-vary-says": (name) => `say Vary: ${name}, or set CACHE_KEY_FIELDS=${name}`,
  cookie: () => "say Cache-Control: private where the answer is for one visitor",
  credential: () => "say Cache-Control: private where the answer is for one visitor",
};

const EVERY_CACHE = "In front of another cache, have the origin ignore it or strip it there";

/** All that is tried, with a marker that stands in nothing else. */
export function auditInputs(marker: string): AuditInput[] {
  const byField = UNKEYED.flatMap(({ fields, treatment }) =>
    fields
      .flatMap((name) => EXAMPLES[name] ?? [name])
      .map((name): AuditInput => {
        const advice = `${ADVICE[treatment](name)}. ${EVERY_CACHE}`;
        return { name, method: "GET", fields: [name, valueFor(name, marker)], advice };
      }),
  );
  const get = { method: "GET", advice: EVERY_CACHE };
  const disguise = "say Cache-Control: private for it, and 404 for paths that are not there";
  return [
    ...byField,
    { ...get, name: "Host in capitals", fields: ["host:case", ""] },
    {
      ...get,
      name: "a GET with content",
      fields: ["content-type", "application/x-www-form-urlencoded"],
      body: `q=${marker}&callback=${marker}`,
    },
    { ...get, name: "Range", fields: ["range", "bytes=0-3"] },
    { ...get, name: "a Range that is none", fields: ["range", `bytes=${marker}`] },
    { ...get, name: "If-Match", fields: ["if-match", `"${marker}"`] },
    { ...get, name: "If-None-Match: *", fields: ["if-none-match", "*"] },
    { ...get, name: "a long field", fields: ["x-long", "a".repeat(7000)] },
    { name: "HEAD", method: "HEAD", fields: [], advice: EVERY_CACHE },
    {
      name: "POST",
      method: "POST",
      fields: ["content-type", "application/x-www-form-urlencoded"],
      body: `q=${marker}`,
      advice: EVERY_CACHE,
    },
    ...["/x.css", ";x.css", "%2fx.css", "%3bx.css", "%00.css"].map((suffix) => ({
      name: `a cookie's page under ${suffix}`,
      method: "GET",
      fields: ["cookie", valueFor("cookie", marker)],
      suffix,
      advice: disguise,
    })),
  ];
}
