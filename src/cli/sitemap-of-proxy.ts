import { request } from "node:http";
import { unpacked } from "../config/sitemap.ts";
import { WarmListError } from "../config/warm-list.ts";
import type { Config } from "../config.ts";
import { destination } from "./admin-client.ts";

/** What the protocol allows a sitemap, in bytes, packed or not. */
const MAX_SITEMAP_BYTES = 50 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** Where the running proxy serves clients. */
export type ProxyConfig = Pick<Config, "HOST" | "PORT" | "ADMIN_HOST">;

/**
 * The text of a sitemap, as the running proxy serves it: whatever host the URL names is sent to the
 * proxy as Host, and no other server is ever connected to. Rejects with WarmListError.
 */
export function sitemapOf(config: ProxyConfig, url: string, signal: AbortSignal): Promise<string> {
  const named = URL.parse(url) ?? new URL(url, `http://localhost:${config.PORT}`);
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new WarmListError(`cannot read ${url}: ${why}`));
    const outgoing = request({
      host: destination(config.HOST ?? config.ADMIN_HOST),
      port: config.PORT,
      path: named.pathname + named.search,
      agent: false,
      signal,
      headers: { host: named.host, accept: "application/xml, text/xml", "accept-encoding": "identity" },
    });
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)),
      TIMEOUT_MS,
    );
    outgoing.on("close", () => clearTimeout(timer));
    outgoing.on("error", (error) => fail(error.message));
    outgoing.on("response", (incoming) => {
      const { statusCode = 0, headers } = incoming;
      if (statusCode !== 200) {
        incoming.resume();
        return fail(
          `answered ${statusCode}${headers.location === undefined ? "" : `, to ${headers.location}`}`,
        );
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on("error", (error) => fail(error.message));
      incoming.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_SITEMAP_BYTES) outgoing.destroy(new Error("it is longer than 50 MiB"));
        else chunks.push(chunk);
      });
      incoming.on("end", () => {
        try {
          resolve(unpacked(Buffer.concat(chunks), MAX_SITEMAP_BYTES));
        } catch {
          fail("it is damaged, or longer than 50 MiB when unpacked");
        }
      });
    });
    outgoing.end();
  });
}
