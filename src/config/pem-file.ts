import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { type Kind, type Parsed, value, wrong } from "./kinds.ts";

const EXPECTED = "the path of a file with certificates in PEM";
const A_KEY = "the path of a file with a private key in PEM that asks for no password";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Written as the path of a file; the value is what stands in it. */
export const pemFile: Kind<string> = {
  name: "file",
  flag: "value",
  parse(path) {
    const read = contentOf(path, EXPECTED);
    if (!read.ok) return read;
    const certificates = read.value.match(CERTIFICATE) ?? [];
    return certificates.length > 0 && certificates.every(isCertificate)
      ? read
      : wrong(path, "holds no certificate, or a damaged one", EXPECTED);
  },
};

/** The same for a private key, which is in no message. */
export const keyFile: Kind<string> = {
  name: "file",
  flag: "value",
  parse(path) {
    const read = contentOf(path, A_KEY);
    return !read.ok || isKey(read.value) ? read : wrong(path, "holds no private key that can be read", A_KEY);
  },
};

function contentOf(path: string, expected: string): Parsed<string> {
  try {
    if (!statSync(path).isFile()) return wrong(path, "is not a file", expected);
    return value(readFileSync(path, "latin1"));
  } catch (error) {
    return wrong(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`, expected);
  }
}

function isKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === "private";
  } catch {
    return false;
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
