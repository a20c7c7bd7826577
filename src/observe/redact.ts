/**
 * What of a request-target may be written down?
 *
 * Everything but a user and a password before the host, and the values of parameters that are
 * secrets by their name: tokens, passwords, keys, signatures of presigned URLs, one-time codes.
 */

const SECRET_NAMES: ReadonlySet<string> = new Set([
  "auth",
  "authorization",
  "code",
  "jsessionid",
  "jwt",
  "key",
  "otp",
  "pass",
  "passwd",
  "phpsessid",
  "pwd",
  "session",
  "sessionid",
  "sid",
  "sig",
]);
const SECRET_ENDING =
  /(?:token|secret|password|passphrase|signature|apikey|secretkey|privatekey|credentials?)$/;

/** Names besides these, as `isSecret` compares them. */
let alsoSecret: ReadonlySet<string> = new Set();

/** Parameters whose values this process writes down nowhere, besides those that are secrets by our list (LOG_REDACT_QUERY). */
export function redactAlso(names: readonly string[]): void {
  alsoSecret = new Set(names.map(plainName));
}

/** Most queries have none of these words in them, and are not looked at further. */
const PERHAPS_SECRET = /key|tok|pass|pwd|sec|sig|code|auth|jwt|ses|sid|cred|otp|%/i;

/** `target` with the values of secret parameters replaced by `***`, in a query, a fragment and behind a `;` in a path. */
export function redactQuery(target: string): string {
  const end = target.search(/[?;#]/);
  if (end === -1 || (alsoSecret.size === 0 && !PERHAPS_SECRET.test(target.slice(end)))) return target;
  const query = target.search(/[?#]/);
  const path = query === -1 ? target : target.slice(0, query);
  return redactParameters(path, /(;)/) + redactParameters(target.slice(path.length), /([?&;#])/);
}

/** What stands between two separators, and begins behind one, is a name and perhaps a value. */
function redactParameters(text: string, separator: RegExp): string {
  const parts = text.split(separator);
  for (let i = 2; i < parts.length; i += 2) {
    const part = parts[i] as string;
    const equals = part.indexOf("=");
    const [name, value] = [part.slice(0, Math.max(equals, 0)), part.slice(equals + 1)];
    // A `?` may stand in a query's value, at its beginning as well.
    if (value === "" && parts[i + 1] !== "?") continue;
    if (!((equals !== -1 && isSecret(name)) || hidesSecret(value))) continue;
    parts[i] = equals === -1 ? "***" : `${name}=***`;
    // Emptied, not cut out: that would move all that follows, each time.
    for (let more = i + 1; parts[more] === "?"; more += 2) parts[more] = parts[more + 1] = "";
  }
  return parts.join("");
}

/** A URL is encoded once for each that it stands in: one that leads to a login and from there on. */
const LEVELS = 2;

/** Is there, decoded so often, a parameter of a secret's name in it? */
function hidesSecret(value: string): boolean {
  let text = value;
  for (let level = 0; level < LEVELS && text.includes("%"); level++) {
    text = decoded(text);
    for (const part of text.split(/[?&;#]/)) {
      const equals = part.indexOf("=");
      if (equals > 0 && equals < part.length - 1 && isSecret(part.slice(0, equals))) return true;
    }
  }
  return false;
}

/** Is a value of this name a secret, by our list or the operator's? */
export function isSecret(name: string): boolean {
  const plain = plainName(decoded(name));
  return SECRET_NAMES.has(plain) || SECRET_ENDING.test(plain) || alsoSecret.has(plain);
}

const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** Byte by byte, since names and what separates them are ASCII: what is no UTF-8 hides nothing. */
const decoded = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

export interface Shown {
  readonly host: string | undefined;
  /** Path and query; `/` where there are none. */
  readonly path: string;
}

/**
 * A target URI in two, without user, password and secret parameters, otherwise as it came. One that
 * is a path, or none that can be told apart, has no host.
 */
export function shownUri(uri: string): Shown {
  if (uri.startsWith("/")) return { host: undefined, path: redactQuery(uri) };
  const [, scheme, authority = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)(.*)$/is.exec(uri) ?? [];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  if (scheme !== undefined && HOST_AND_PORT.test(host))
    return { host, path: redactQuery(rest === "" ? "/" : rest) };
  return { host: undefined, path: redactQuery(uri.replace(/^[^?#]*@/s, "***@")) };
}

/** A URL that somebody else has written, such as Referer's, without what may not be written down. */
export function redactUrl(url: string): string {
  const { host, path } = shownUri(url);
  if (host === undefined) return path;
  return `${/^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? ""}${host}${path}`;
}

const HOST_AND_PORT = /^(?:[^:]*|\[.*\])(?::\d*)?$/s;
