import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Emit } from "../cache/events.ts";
import { OriginError, type OriginRequest, type OriginResponse, refusalFor } from "../cache/ports.ts";
import { endToEnd, type FieldLines, fieldValue } from "../policy/fields.ts";
import { requestFieldsForOrigin } from "../policy/forwarding.ts";
import type { Outcome } from "../policy/outcome.ts";
import { type ReadingSettings, readRequest } from "./read-request.ts";

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

interface UpgradeDeps {
  readonly upgrade: Upgrade;
  readonly settings: ReadingSettings;
  readonly emit: Emit;
  readonly elapsed: () => number;
}

/** Tunnels WebSockets and other upgrades (RFC 9110 §7.8); bytes pass both ways untouched. */
export function createUpgradeHandler({ upgrade, settings, emit, elapsed }: UpgradeDeps) {
  const tunnels = new Set<Duplex>();

  async function onUpgrade(incoming: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const startedAt = elapsed();
    const gone = new AbortController();
    client.on("error", () => client.destroy());
    client.once("close", () => gone.abort());
    const read = readRequest(incoming, gone.signal, settings);
    if (read.type === "refused") return end(client, 400, "bad_request", read.detail, read.id);
    const { request } = read;
    let status = 502;
    let origin: string | undefined;
    try {
      const fields = requestFieldsForOrigin(request, "as-client");
      const { method, target, host } = request;
      const protocol = fieldValue(incoming.rawHeaders, "upgrade") ?? "";
      const upgraded = await upgrade({ method, target, host, fields, upgrade: protocol }, gone.signal);
      if (upgraded.type === "switched") {
        status = 101;
        origin = upgraded.origin;
        const lines = [
          "Connection",
          "Upgrade",
          "Upgrade",
          fieldValue(upgraded.fields, "upgrade") ?? protocol,
        ];
        client.write(headOf(101, upgraded.statusMessage, [...lines, ...endToEnd(upgraded.fields)]));
        tunnel(client, head, upgraded.socket, upgraded.head);
      } else {
        status = upgraded.response.status;
        origin = upgraded.response.origin;
        await answer(client, upgraded.response);
      }
    } catch (error) {
      const failure = error instanceof OriginError ? error : new OriginError("reset", String(error));
      const refused = refusalFor(failure);
      status = refused.status;
      end(client, refused.status, refused.code, failure.message, request.id);
    }
    const outcome: Outcome = { word: "BYPASS", body: "origin", fwd: "bypass", reason: "upgrade" };
    const ms = elapsed() - startedAt;
    emit({
      type: "answered",
      requestId: request.id,
      method: request.method,
      uri: request.uri,
      status,
      outcome,
      ...(origin === undefined ? {} : { origin }),
      bytes: 0,
      headMs: ms,
      durationMs: ms,
      aborted: false,
    });
  }

  function tunnel(client: Duplex, clientHead: Buffer, origin: Duplex, originHead: Uint8Array): void {
    tunnels.add(client);
    const both = () => {
      tunnels.delete(client);
      client.destroy();
      origin.destroy();
    };
    origin.on("error", both);
    client.once("close", both);
    origin.once("close", both);
    if (originHead.length > 0) client.write(originHead);
    if (clientHead.length > 0) origin.write(clientHead);
    client.pipe(origin);
    origin.pipe(client);
  }

  /** Ends every tunnel, at shutdown. */
  const close = (): void => {
    for (const client of tunnels) client.destroy();
  };

  return { onUpgrade, close };
}

const headOf = (status: number, message: string, lines: FieldLines): Buffer => {
  let text = `HTTP/1.1 ${status} ${message}\r\n`;
  for (let i = 0; i + 1 < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
};

/** The origin would not switch: its answer is passed on, and the connection ends with it. */
async function answer(client: Duplex, response: OriginResponse): Promise<void> {
  client.write(
    headOf(response.status, response.statusMessage, [...endToEnd(response.fields), "Connection", "close"]),
  );
  try {
    for await (const chunk of response.body) {
      if (client.destroyed) return;
      if (!client.write(chunk))
        await new Promise((resolve) => client.once("drain", resolve).once("close", resolve));
    }
    client.end();
  } catch {
    client.destroy();
  }
}

function end(client: Duplex, status: number, code: string, message: string, requestId: string): void {
  const body = `${JSON.stringify({ code, message, requestId })}\n`;
  const lines = [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(Buffer.byteLength(body)),
    "Connection",
    "close",
  ];
  client.end(Buffer.concat([headOf(status, "", lines), Buffer.from(body)]));
}
