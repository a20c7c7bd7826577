import { stat } from "node:fs/promises";
import type { Emit } from "../cache/events.ts";
import { type Certificate, readCertificates } from "../config/certificates.ts";
import type { FixedConfig } from "../config.ts";
import type { TlsSettings } from "../server/tls-port.ts";

/** The certificates of the TLS port, and their files. */
export interface Certificates {
  /** Those that are shown; none where there is no TLS. */
  readonly served: () => readonly Certificate[];
  /** Reads the files again where they have changed; where one is unusable all stay as they were, and that is told. Never rejects. */
  readonly renew: () => Promise<void>;
  /** Who shows them, and hears of new ones; it throws where they are unusable. */
  follow(replace: (certificates: readonly Certificate[]) => void): void;
  close(): void;
}

type TlsConfig = Pick<
  FixedConfig,
  "TLS_CERT" | "TLS_KEY" | "TLS_PORT" | "TLS_MIN_VERSION" | "TLS_WATCH_INTERVAL" | "HTTP2" | "HTTP2_STREAMS"
>;

/** Reads the certificates, and again where their files change. Throws where they are unusable at the start. */
export function openCertificates(config: TlsConfig, emit: Emit): Certificates {
  const { TLS_CERT: certPaths, TLS_KEY: keyPaths, TLS_WATCH_INTERVAL: everyMs } = config;
  const paths = [...certPaths, ...keyPaths];
  // Before they are read: what changes in between is read twice.
  let known = stateOf(paths);
  let served = usable();
  let replace: (certificates: readonly Certificate[]) => void = () => {};

  function usable(): readonly Certificate[] {
    const read = readCertificates(certPaths, keyPaths);
    if (!read.ok) throw new Error(read.problems.join("; "));
    return read.value;
  }

  async function renew(): Promise<void> {
    const before = known;
    const now = stateOf(paths);
    known = now;
    if ((await before) === (await now)) return;
    try {
      const read = usable();
      replace(read);
      served = read;
      const detail = read.map(
        ({ subject, validTo }) => `${subject} until ${new Date(validTo).toISOString()}`,
      );
      emit({ type: "certificates", replaced: true, detail: detail.join("; ") });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      emit({ type: "certificates", replaced: false, detail });
    }
  }

  const watch = everyMs > 0 && paths.length > 0 ? setInterval(() => void renew(), everyMs) : undefined;
  watch?.unref();
  return {
    served: () => served,
    renew,
    follow(follower) {
      replace = follower;
    },
    close: () => clearInterval(watch),
  };
}

/** What the settings say of a port for TLS; undefined where there is none. */
export function tlsSettings(
  config: TlsConfig,
  certificates: Certificates,
  ticketSecret: Uint8Array,
): TlsSettings | undefined {
  if (config.TLS_CERT.length === 0) return undefined;
  return {
    port: config.TLS_PORT,
    certificates: certificates.served(),
    minVersion: config.TLS_MIN_VERSION,
    http2Streams: config.HTTP2 === "on" ? config.HTTP2_STREAMS : undefined,
    ticketSecret,
  };
}

/** Another one when one of these files has changed. */
async function stateOf(paths: readonly string[]): Promise<string> {
  const states = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
        () => "gone",
      ),
    ),
  );
  return states.join();
}
