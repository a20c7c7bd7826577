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
    if (equals === -1 || equals === part.length - 1) continue;
    if (!isSecret(part.slice(0, equals))) continue;
    parts[i] = `${part.slice(0, equals)}=***`;
    // A `?` may stand in a query's value.
    while (parts[i + 1] === "?") parts.splice(i + 1, 2);
  }
  return parts.join("");
}

/** Is a value of this name a secret, by our list or the operator's? */
export function isSecret(name: string): boolean {
  const plain = plainName(decoded(name));
  return SECRET_NAMES.has(plain) || SECRET_ENDING.test(plain) || alsoSecret.has(plain);
}

const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

function decoded(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

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
