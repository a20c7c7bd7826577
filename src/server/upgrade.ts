import { type IncomingMessage, STATUS_CODES } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Emit } from "../cache/events.ts";
import { OriginError, type OriginRequest, type OriginResponse, refusalFor } from "../cache/ports/origin.ts";
import { refusal } from "../cache/respond.ts";
import { type FieldLines, fieldValue } from "../policy/fields.ts";
import { passedInterimFields, passedResponseFields, requestFieldsForOrigin } from "../policy/forwarding.ts";
import { withOneDate } from "../policy/http-date.ts";
import type { Outcome } from "../policy/outcome.ts";
import type { UnkeyedFields } from "../policy/unkeyed-fields.ts";
import type { AppSettings, ProxiedApp } from "./app.ts";
import { RequestAsker } from "./asker.ts";
import { endWith } from "./end-with.ts";
import { writableLines } from "./interim.ts";
import { fragmentOf } from "./malformed.ts";
import { operatorFields } from "./own-fields.ts";
import { headOf } from "./raw-head.ts";
import { readRequest } from "./read-request.ts";
import { settles, type Written } from "./write-response.ts";

/** What became of a request to change protocols: src/origin/upgrade.ts. */
export type Upgraded =
  | {
      readonly type: "switched";
      readonly statusMessage: string;
      readonly fields: FieldLines;
      readonly socket: Duplex;
      /** What the origin had sent behind its 101 already. */
      readonly head: Uint8Array;
      readonly origin: string;
    }
  | { readonly type: "answered"; readonly response: OriginResponse };

export type Upgrade = (
  request: OriginRequest & { readonly upgrade: string },
  signal: AbortSignal,
) => Promise<Upgraded>;

interface UpgradeDeps extends Pick<ProxiedApp, "refuseFragment"> {
  readonly upgrade: Upgrade;
  readonly settings: AppSettings;
  /** What becomes of request fields that are in no key. */
  readonly admission: { readonly unkeyed: UnkeyedFields };
  readonly emit: Emit;
  readonly elapsed: () => number;
}

/**
 * Is this a wish to change protocols that a tunnel can grant (RFC 9110 §7.8)? Not h2c, which
 * is between neighbours only (RFC 9113 §3.1), nothing with content, which a tunnel would lose,
 * nothing of HTTP/1.0 (§7.8), and no method but GET, which all that is in use asks with: another may
 * end here, or change what is stored. Those are ordinary requests, and their Upgrade field goes no further.
 */
export function wantsTunnel(incoming: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": coding, upgrade } = incoming.headers;
  const protocols = (upgrade ?? "").toLowerCase().split(/[\s,]+/);
  const ordinary = incoming.httpVersion < "1.1" || incoming.method !== "GET";
  return !ordinary && coding === undefined && Number(length) === 0 && !protocols.includes("h2c");
}

/** Tunnels WebSockets and other upgrades (RFC 9110 §7.8); bytes pass both ways untouched. */
export function createUpgradeHandler({
  upgrade,
  settings,
  admission,
  refuseFragment,
  emit,
  elapsed,
}: UpgradeDeps) {
  /** From the wish to the end of the tunnel: Node's server counts none of them any more. */
  const clients = new Set<Duplex>();
  let closed = false;

  async function onUpgrade(incoming: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const startedAt = elapsed();
    const gone = new AbortController();
    client.on("error", () => client.destroy());
    if (closed) return void client.destroy();
    clients.add(client);
    client.once("close", () => {
      clients.delete(client);
      gone.abort();
    });
    const read = readRequest(incoming, { signal: gone.signal }, settings);
    if (read.type !== "request") {
      const detail = read.type === "refused" ? read.detail : "this request changes no protocol";
      return refuseFragment(client, { status: 400, detail }, fragmentOf(incoming));
    }
    const { request } = read;
    let status: number;
    let bytes = 0;
    let aborted = false;
    let origin: string | undefined;
    let outcome: Outcome = { word: "BYPASS", body: "origin", fwd: "bypass", reason: "upgrade" };
    try {
      const fields = requestFieldsForOrigin(request, "as-client", admission.unkeyed);
      const { method, target, host } = request;
      const onInterim = (interim: number, lines: FieldLines) => {
        const passed = writableLines(passedInterimFields(lines));
        client.write(headOf(interim, STATUS_CODES[interim] ?? "", passed));
      };
      const protocol = fieldValue(incoming.rawHeaders, "upgrade") ?? "";
      const asked = { method, target, host, fields, upgrade: protocol, onInterim };
      const upgraded = await upgrade(asked, gone.signal);
      if (upgraded.type === "switched") {
        status = 101;
        origin = upgraded.origin;
        const lines = [
          "Connection",
          "Upgrade",
          "Upgrade",
          fieldValue(upgraded.fields, "upgrade") ?? protocol,
          ...passedResponseFields(upgraded.fields),
          "X-Request-Id",
          request.id,
        ];
        client.write(headOf(101, upgraded.statusMessage, lines));
        tunnel(client, head, upgraded.socket, upgraded.head);
      } else {
        status = upgraded.response.status;
        origin = upgraded.response.origin;
        ({ bytes, aborted } = await answer(client, upgraded.response, request.id, settings.writeTimeoutMs));
      }
    } catch (error) {
      const failure = error instanceof OriginError ? error : new OriginError("reset", String(error));
      const refused = refusalFor(failure);
      status = refused.status;
      origin = failure.origin;
      outcome = { word: "BYPASS", body: "none", fwd: "bypass", reason: refused.code };
      const response = refusal(request, status, refused.code, failure.message, outcome);
      const added = operatorFields(incoming.rawHeaders, response.fields, settings);
      bytes = endWith(client, response, ["X-Request-Id", request.id, ...added]);
    }
    const ms = elapsed() - startedAt;
    emit({
      type: "answered",
      requestId: request.id,
      method: request.method,
      uri: request.uri,
      status,
      outcome,
      ...(origin === undefined ? {} : { origin }),
      bytes,
      headMs: ms,
      durationMs: ms,
      aborted,
      asker: new RequestAsker(incoming, settings),
    });
  }

  function tunnel(client: Duplex, clientHead: Buffer, origin: Duplex, originHead: Uint8Array): void {
    const both = () => {
      client.destroy();
      origin.destroy();
    };
    origin.on("error", both);
    // What passes either way passes here. Who has vanished, or takes nothing, would keep its place for ever.
    if (client instanceof Socket) client.setTimeout(settings.tunnelIdleMs, both);
    client.once("close", both);
    origin.once("close", both);
    if (originHead.length > 0) client.write(originHead);
    if (clientHead.length > 0) origin.write(clientHead);
    client.pipe(origin);
    origin.pipe(client);
  }

  /** Ends every tunnel and lets none begin, at shutdown. */
  const close = (): void => {
    closed = true;
    for (const client of clients) client.destroy();
  };

  return { onUpgrade, close };
}

/** The origin would not switch: its answer is passed on, and the connection ends with it. */
async function answer(
  client: Duplex,
  response: OriginResponse,
  requestId: string,
  writeTimeoutMs: number,
): Promise<Written> {
  const passed = withOneDate(passedResponseFields(response.fields), Date.now());
  const lines = [...passed, "X-Request-Id", requestId, "Connection", "close"];
  client.write(headOf(response.status, response.statusMessage, lines));
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      if (client.destroyed) return { bytes, aborted: true };
      bytes += chunk.length;
      if (!client.write(chunk) && !(await settles(client, "drain", writeTimeoutMs)))
        return { bytes, aborted: true };
    }
    client.end();
    const finished = await settles(client, "finish", writeTimeoutMs);
    client.destroy();
    return { bytes, aborted: !finished };
  } catch {
    // A reset: without Content-Length a clean end would make a part look like the whole. TLS has an end of its own,
    // which is not sent then, and Node resets no such connection.
    if (client instanceof Socket && !(client instanceof TLSSocket)) client.resetAndDestroy();
    else client.destroy();
    return { bytes, aborted: true };
  }
}
