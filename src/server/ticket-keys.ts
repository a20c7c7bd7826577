import { createHash, hkdfSync } from "node:crypto";

/** Of OpenSSL: a name, and keys to seal with and to sign with. */
const TICKET_KEY_BYTES = 48;

/**
 * What session tickets of TLS are sealed with (RFC 5077 §5.5): the same in every process that has the secret and
 * shows these certificates (PEM), and others once either has changed. So nobody goes on with a session that was begun
 * under a certificate that is not shown any more.
 */
export function ticketKeysFor(
  secret: Uint8Array,
  certificates: readonly { readonly cert: string }[],
): Buffer {
  const shown = createHash("sha256");
  for (const { cert } of certificates) shown.update(cert).update("\0");
  return Buffer.from(hkdfSync("sha256", secret, shown.digest(), "session tickets", TICKET_KEY_BYTES));
}
