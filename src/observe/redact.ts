/**
 * What of a request-target may be written down?
 *
 * Everything but the values of query parameters that are secrets by their name:
 * tokens, passwords, keys, signatures of presigned URLs, one-time codes.
 */

const SECRET_NAMES: ReadonlySet<string> = new Set([
  "auth",
  "authorization",
  "code",
  "jsessionid",
  "jwt",
  "key",
  "otp",
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

/** Most queries have none of these words in them, and are not looked at further. */
const PERHAPS_SECRET = /key|tok|pass|pwd|sec|sig|code|auth|jwt|ses|sid|cred|otp|%/i;

/** `target` with the values of secret query parameters replaced by `***`; anything before the first `?` stays. */
export function redactQuery(target: string): string {
  const query = target.indexOf("?") + 1;
  if (query === 0 || !PERHAPS_SECRET.test(target.slice(query))) return target;
  const parts = target.slice(query).split(/([&;])/);
  for (let i = 0; i < parts.length; i += 2) {
    const part = parts[i] as string;
    const equals = part.indexOf("=");
    if (equals === -1 || equals === part.length - 1) continue;
    if (isSecret(part.slice(0, equals))) parts[i] = `${part.slice(0, equals)}=***`;
  }
  return target.slice(0, query) + parts.join("");
}

function isSecret(name: string): boolean {
  const plain = decoded(name)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
  return SECRET_NAMES.has(plain) || SECRET_ENDING.test(plain);
}

function decoded(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
