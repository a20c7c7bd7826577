import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import type { AdminEnv } from "./env.ts";
import { ApiError } from "./errors.ts";
import { Allowances, asker, tooMany, WRONG_TOKENS } from "./rate-limit.ts";

/**
 * Who may use the admin API?
 *
 * With a token: who knows it. Without one only loopback is listened on, and the danger
 * is a web page in a browser on this machine. Such a page reaches us under a name of its
 * own that resolves to us (DNS rebinding), or sends a request whose answer it cannot read
 * (request forgery); the Host, Origin and Sec-Fetch-Site fields give both away.
 */
export interface Access {
  readonly token?: string | undefined;
  /** Names besides loopback's under which we may be asked when there is no token. */
  readonly hosts?: readonly string[] | undefined;
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed?: () => number;
}

/** Throws ApiError 401, 403, 421 or 429; /health/* is for everybody, since probes know no token. */
export function accessControl(access: Access): MiddlewareHandler<AdminEnv> {
  const token = access.token === undefined || access.token === "" ? undefined : digest(access.token);
  const guesses = new Allowances(WRONG_TOKENS, access.elapsed ?? performance.now.bind(performance));
  const hosts = new Set((access.hosts ?? []).map((host) => hostname(host)));

  return async (c, next) => {
    if (!isProbe(c.req.path)) {
      if (token === undefined) checkBrowser(c, hosts);
      else checkToken(c, token, guesses);
    }
    await next();
  };
}

const isProbe = (path: string): boolean => path === "/health/live" || path === "/health/ready";

function checkToken(c: Context<AdminEnv>, expected: Buffer, guesses: Allowances): void {
  const who = asker(c);
  // Before it is looked at: a right token among guesses that come too fast must not stand out.
  if (!guesses.has(who)) throw tooMany();
  const given = /^Bearer +([^\s,]+) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
  // Digests are equally long, so that the comparison tells nothing about the token.
  if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
  guesses.take(who);
  // RFC 6750 §3: an error code only when credentials were sent.
  c.header(
    "WWW-Authenticate",
    `Bearer realm="freshline"${given === undefined ? "" : ', error="invalid_token"'}`,
  );
  throw new ApiError(401, "unauthorized", "the admin API needs its bearer token");
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

function checkBrowser(c: Context<AdminEnv>, hosts: ReadonlySet<string>): void {
  const host = (c.req.header("host") ?? new URL(c.req.url).host).toLowerCase();
  const name = hostname(host);
  if (!isLoopback(name) && !hosts.has(name)) {
    throw new ApiError(
      421,
      "host_not_allowed",
      "without a token the admin API answers under loopback names only",
    );
  }
  const reads = c.req.method === "GET" || c.req.method === "HEAD";
  // One that fetches through the cache changes what is stored.
  if (reads && c.req.query("fetch") === undefined) return;
  const site = c.req.header("sec-fetch-site");
  // What has no Origin, such as a form of an old browser's, has a Referer.
  const origin = c.req.header("origin") ?? c.req.header("referer");
  const foreign =
    (site !== undefined && site !== "same-origin" && site !== "none") ||
    (origin !== undefined && authority(origin) !== host);
  if (foreign) throw new ApiError(403, "cross_site", "another site's page may not change anything here");
}

const authority = (url: string): string =>
  url
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/s, "");

/** The name in a Host field value, without port, brackets and final dot. */
function hostname(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  if (bracketed !== null) return (bracketed[1] as string).toLowerCase();
  // More than one colon is an IPv6 address as it is written in a setting.
  const name = /:.*:/.test(host) ? host : host.replace(/:\d*$/, "");
  return name.replace(/\.$/, "").toLowerCase();
}

const isLoopback = (name: string): boolean =>
  name === "localhost" ||
  name.endsWith(".localhost") ||
  name === "::1" ||
  /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
