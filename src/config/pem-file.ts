import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { type Kind, value, wrong } from "./kinds.ts";

const EXPECTED = "the path of a file with certificates in PEM";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Written as the path of a file; the value is what stands in it. */
export const pemFile: Kind<string> = {
  name: "file",
  flag: "value",
  parse(path) {
    let pem: string;
    try {
      if (!statSync(path).isFile()) return wrong(path, "is not a file", EXPECTED);
      pem = readFileSync(path, "latin1");
    } catch (error) {
      return wrong(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`, EXPECTED);
    }
    const certificates = pem.match(CERTIFICATE) ?? [];
    return certificates.length > 0 && certificates.every(isCertificate)
      ? value(pem)
      : wrong(path, "holds no certificate, or a damaged one", EXPECTED);
  },
};

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
