import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Files with certificates and keys, made by openssl; removed when the test has finished. */
export interface CertificateFolder {
  path(name: string): string;
  pem(name: string): string;
  /** Makes `name`.pem and `name`.key: its own authority's, or signed by another one of this folder. */
  certify(name: string, how?: CertifyOptions): void;
}

interface CertifyOptions {
  /** `DNS:a.example` or `IP:127.0.0.1`, as X.509 has them. */
  readonly names?: readonly string[];
  readonly by?: string;
  /** Since yesterday; `by` another one. */
  readonly expired?: boolean;
}

const THIS_MACHINE = ["DNS:localhost", "IP:127.0.0.1"];

export function certificateFolder(): CertificateFolder {
  const folder = mkdtempSync(join(tmpdir(), "freshline-certificates-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = (name: string) => join(folder, name);
  return {
    path,
    pem: (name) => readFileSync(path(name), "latin1"),
    certify(name, { names = THIS_MACHINE, by, expired = false } = {}) {
      const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
      const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${names.join(",")}`];
      const signed = by === undefined ? [] : ["-CA", path(`${by}.pem`), "-CAkey", path(`${by}.key`)];
      const own = { key: path(`${name}.key`), pem: path(`${name}.pem`), request: path(`${name}.csr`) };
      openssl("req", "-x509", ...key, ...subject, ...signed, "-keyout", own.key, "-out", own.pem);
      if (!expired) return;
      openssl("x509", "-x509toreq", "-in", own.pem, "-signkey", own.key, "-out", own.request);
      const anew = ["-in", own.request, ...signed, "-CAcreateserial", "-days", "-1", "-out", own.pem];
      openssl("x509", "-req", ...anew);
    },
  };
}

const openssl = (...words: readonly string[]): void => void execFileSync("openssl", words, { stdio: "pipe" });
