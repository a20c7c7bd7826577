import { EVIL } from "./careless-origin.ts";

/** What somebody sends. */
export interface Sent {
  readonly method?: string;
  readonly target: string;
  readonly fields?: readonly string[];
  readonly body?: string;
}

/** What an attacker sends, what a visitor sends next, and what that one must get. */
export interface PoisonRow {
  readonly name: string;
  readonly attacker: Sent;
  readonly visitor: Sent;
  /** Where from: HIT where what the attacker brought is harmless and shared, MISS where it is nobody else's. */
  readonly gets: "HIT" | "MISS";
  readonly status?: number;
}

const MIRROR = "/vulnerable/mirror";

/** Every row has a URL of its own. */
let rows = 0;
const target = (path = MIRROR): string => `${path}${path.includes("?") ? "&" : "?"}row=${++rows}`;

/** The attacker sends these fields for a page that repeats them; the visitor does not. */
const byFields = (gets: "HIT" | "MISS", names: string, value = EVIL): PoisonRow[] =>
  names.split(" ").map((name) => {
    const page = target();
    return { name, attacker: { target: page, fields: [name, value] }, visitor: { target: page }, gets };
  });

/** No origin gets these, so that the answer is anybody's. */
export const STRIPPED: readonly PoisonRow[] = [
  ...byFields(
    "HIT",
    "X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Scheme X-Forwarded-Server",
  ),
  ...byFields("HIT", "X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Path X-Forwarded-Uri X-Forwarded-Ssl"),
  ...byFields("HIT", "X-Forwarded-By X-Forwarded-Protocol X-Forwarded-User X-Forwarded-Anything Forwarded"),
  ...byFields("HIT", "X-Host X-HTTP-Host-Override X-Original-Host X-Real-Host X-Backend-Host X-Gateway-Host"),
  ...byFields(
    "HIT",
    "X-Original-URL X-Original-URI X-Rewrite-URL X-Override-URL X-HTTP-DestinationURL",
    `/${EVIL}`,
  ),
  ...byFields(
    "HIT",
    "X-Proxy-URL Request-Uri X-Matched-Path X-Envoy-Original-Path X-MS-Original-URL",
    `/${EVIL}`,
  ),
  ...byFields("HIT", "X-Script-Name Base-Url X-Scheme X-URL-Scheme Front-End-Https X-Proto"),
  ...byFields("HIT", "X-HTTP-Method X-HTTP-Method-Override X-Method-Override"),
  ...byFields("HIT", "X-Real-IP X-Client-IP Client-IP True-Client-IP X-Cluster-Client-IP CF-Connecting-IP"),
  ...byFields(
    "HIT",
    "CF-IPCountry X-Invoke-Status X-Invoke-Path X-Middleware-Prefetch X-Middleware-Subrequest",
  ),
  ...byFields("HIT", "X-Now-Route-Matches Surrogate-Capability X-Sendfile-Type X-Accel-Mapping Proxy"),
  // Other spellings, as CGI, WSGI and PHP read them.
  ...byFields(
    "HIT",
    "X_Forwarded_Host X_Forwarded_For X-Forwarded_Host X_Host X_Original_URL Transfer_Encoding",
  ),
  ...byFields("HIT", "Content_Length Accept_Language X.Forwarded.Host X~Host X!Lang HTTP_HOST"),
  ...byFields("HIT", "x-fOrWaRdEd-HoSt x-HOST X-ORIGINAL-url"),
];

/** These reach the origin, and what it answers to them stays with who sent them. */
export const ALONE: readonly PoisonRow[] = [
  ...byFields("MISS", "X-Requested-With X-PJAX X-Inertia HX-Request HX-Target Turbo-Frame RSC Next-Url"),
  ...byFields(
    "MISS",
    "Next-Router-State-Tree Next-Router-Prefetch X-Nextjs-Data X-Debug X-Preview X-API-Version",
  ),
  ...byFields("MISS", "Authorization X-Api-Key X-Auth-Token X-Access-Token X-CSRF-Token Private-Token"),
  ...byFields("MISS", "Remote-User X-Remote-User X-Auth-Request-User X-SSL-Client-CN X-Client-Cert"),
];

const keyedTargets: readonly (readonly [string, string, string])[] = [
  ["a parameter that one side ends at a semicolon", `${MIRROR}?a=1;b=${EVIL}`, `${MIRROR}?a=1`],
  ["a parameter given twice", `${MIRROR}?a=2&a=${EVIL}`, `${MIRROR}?a=2`],
  ["a method in the query", `${MIRROR}?a=3&_method=${EVIL}`, `${MIRROR}?a=3`],
  ["an encoded ampersand", `${MIRROR}?a=4%26b=${EVIL}`, `${MIRROR}?a=4`],
  ["an encoded question mark", `${MIRROR}%3fa=5${EVIL}`, `${MIRROR}?a=5`],
  ["an encoded letter", `/vulnerable/%6dirror?a=6${EVIL}`, `${MIRROR}?a=6`],
  ["a second slash", `//vulnerable/mirror?a=7`, `${MIRROR}?a=7`],
  ["an encoded dot segment", `/${EVIL}%2f..%2fvulnerable/mirror?a=9`, `${MIRROR}?a=9`],
  ["an encoded NUL", `${MIRROR}%00${EVIL}?a=11`, `${MIRROR}?a=11`],
  ["another case", `/VULNERABLE/mirror?a=12`, `${MIRROR}?a=12`],
  ["a path parameter", `${MIRROR};${EVIL}?a=13`, `${MIRROR}?a=13`],
];

/** What is in the key does not reach who asks for another. */
export const KEYED: readonly PoisonRow[] = keyedTargets.map(([name, attacked, visited]) => ({
  name,
  attacker: { target: attacked },
  visitor: { target: visited },
  gets: "MISS",
}));

/** Parameters that are in no key reach no origin. `CACHE_KEY_IGNORE_PARAMS=utm_*`. */
export const IGNORED: readonly PoisonRow[] = [
  [`utm_source=x;callback=${EVIL}`, "a=1"],
  [`a=2&utm_source=${EVIL}`, "a=2"],
  [`utm_a=${EVIL}&a=3&utm_b=${EVIL}`, "a=3"],
  [`a=4&utm_source=x%3Bcallback=${EVIL}`, "a=4"],
].map(([attacked, visited]) => ({
  name: `?${attacked}`,
  attacker: { target: `${MIRROR}?${attacked}&ignored=1` },
  visitor: { target: visited === "a=1" ? `${MIRROR}?ignored=1` : `${MIRROR}?${visited}&ignored=1` },
  gets: "HIT",
}));

const oneUrl = (
  name: string,
  page: string,
  gets: "HIT" | "MISS",
  attacker: Omit<Sent, "target">,
  status?: number,
): PoisonRow => {
  const at = target(page);
  return {
    name,
    attacker: { target: at, ...attacker },
    visitor: { target: at },
    gets,
    ...(status === undefined ? {} : { status }),
  };
};

/** Methods, content, conditions and ranges. Against the mirror. */
export const ASKED_OTHERWISE: readonly PoisonRow[] = [
  oneUrl("a GET with content", MIRROR, "MISS", { body: `q=${EVIL}`, fields: ["Content-Length", "6"] }),
  oneUrl("a GET with chunks", MIRROR, "MISS", {
    body: `q=${EVIL}`,
    fields: ["Transfer-Encoding", "chunked"],
  }),
  oneUrl("HEAD", MIRROR, "MISS", { method: "HEAD" }),
  oneUrl("POST", MIRROR, "MISS", { method: "POST", body: EVIL }),
  oneUrl("POST that is to be taken for a GET", MIRROR, "MISS", {
    method: "POST",
    body: EVIL,
    fields: ["X-HTTP-Method-Override", "GET"],
  }),
  oneUrl("an unknown method", MIRROR, "MISS", { method: "BREW" }),
  oneUrl("If-Match", MIRROR, "MISS", { fields: ["If-Match", `"${EVIL}"`] }),
  oneUrl("If-Unmodified-Since", MIRROR, "MISS", {
    fields: ["If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"],
  }),
  oneUrl("If-None-Match: *", MIRROR, "HIT", { fields: ["If-None-Match", "*"] }),
  oneUrl("an Expect that is met", MIRROR, "HIT", { fields: ["Expect", "100-continue"] }),
  oneUrl("a field that Connection names", MIRROR, "HIT", {
    fields: ["Connection", "X-Lang", "X-Lang", EVIL],
  }),
  oneUrl("a cookie that Connection names", MIRROR, "HIT", {
    fields: ["Connection", "Cookie", "Cookie", EVIL],
  }),
  oneUrl("TE", MIRROR, "HIT", { fields: ["TE", EVIL] }),
];
