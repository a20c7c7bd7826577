import { createPrivateKey, X509Certificate } from "node:crypto";
import { type Parsed, value, wrong } from "./kinds.ts";
import { keyFile, pemFile } from "./pem-file.ts";

/** A certificate with those between it and its authority, and its private key, both in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Whose it is, for people. */
  readonly subject: string;
  /** Until when it is valid, in milliseconds since 1970. */
  readonly validTo: number;
}

/** Is this the key of the first of these certificates? Both in PEM, and well-formed. */
export const fits = (cert: string, key: string): boolean =>
  new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));

/**
 * What stands in these files now: every certificate with the key that fits it, whatever their order.
 * A key is never in a problem's text.
 */
export function readCertificates(
  certPaths: readonly string[],
  keyPaths: readonly string[],
): Parsed<readonly Certificate[]> {
  const problems: string[] = [];
  const tell = (name: string, parsed: Parsed<unknown>) => {
    if (!parsed.ok) problems.push(...parsed.problems.map((problem) => `${name}: ${problem}`));
  };
  const keys = keyPaths.flatMap((path) => {
    const key = keyFile.parse(path);
    tell("TLS_KEY", key);
    return key.ok ? [key.value] : [];
  });
  const certificates = certPaths.flatMap((path): Certificate[] => {
    const read = pemFile.parse(path);
    tell("TLS_CERT", read);
    if (!read.ok) return [];
    // The first of a file is its own.
    const own = new X509Certificate(read.value);
    const key = keys.find((pem) => fits(read.value, pem));
    if (key === undefined) {
      if (keys.length === keyPaths.length)
        tell("TLS_CERT", wrong(path, "fits no key of TLS_KEY", "a certificate for one of them"));
      return [];
    }
    const { subjectAltName, subject, validTo } = own;
    return [{ cert: read.value, key, subject: subjectAltName ?? subject, validTo: Date.parse(validTo) }];
  });
  return problems.length > 0 ? { ok: false, problems } : value(certificates);
}
