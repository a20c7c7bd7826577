import { type IncomingMessage, request } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { type AdminAnswer, type AdminConfig, adminUrl } from "./admin-client.ts";

export interface ServerSent {
  readonly event: string;
  readonly data: string;
}

/** Longer ones are given up, in characters: no event of ours is. */
const MAX_EVENT = 1_000_000;
const CONNECT_MS = 10_000;
/** The server says something every 15 s. */
const SILENCE_MS = 45_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Hears server-sent events until the stream ends or `signal` is aborted, and answers "ended";
 * or what was answered instead of a stream. Never rejects.
 */
export function hearEvents(
  config: AdminConfig,
  path: string,
  signal: AbortSignal,
  hear: (event: ServerSent) => void,
): Promise<"ended" | AdminAnswer> {
  return new Promise((resolve) => {
    const outgoing = request(new URL(path, adminUrl(config)), {
      agent: false,
      signal,
      headers: {
        accept: "text/event-stream",
        ...(config.ADMIN_TOKEN === undefined ? {} : { authorization: `Bearer ${config.ADMIN_TOKEN}` }),
      },
    });
    outgoing.setTimeout(CONNECT_MS, () => outgoing.destroy(new Error("no answer")));
    outgoing.on("error", (error) =>
      resolve(signal.aborted ? "ended" : { type: "nobody", detail: error.message }),
    );
    outgoing.on("response", (incoming) => {
      const stream = incoming.headers["content-type"]?.startsWith("text/event-stream") === true;
      outgoing.setTimeout(SILENCE_MS);
      if (incoming.statusCode === 200 && stream) {
        incoming.on("error", () => resolve("ended"));
        incoming.on("close", () => resolve("ended"));
        const parse = eventParser(hear);
        const decoder = new StringDecoder("utf8");
        incoming.on("data", (chunk: Buffer) => parse(decoder.write(chunk)));
      } else void answerOf(incoming).then(resolve);
    });
    outgoing.end();
  });
}

async function answerOf(incoming: IncomingMessage): Promise<AdminAnswer> {
  let body = "";
  try {
    for await (const chunk of incoming) {
      body += String(chunk);
      if (body.length > MAX_ANSWER_BYTES) break;
    }
  } catch {
    // What has come of it is enough.
  }
  return { type: "answered", status: incoming.statusCode ?? 0, body };
}

/** Takes the text of a stream as it comes. */
export function eventParser(hear: (event: ServerSent) => void): (text: string) => void {
  let pending = "";
  return (text) => {
    const blocks = (pending + text).split("\n\n");
    pending = blocks.pop() ?? "";
    if (pending.length > MAX_EVENT) pending = "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const lineOf = (name: string) => lines.find((line) => line.startsWith(name))?.slice(name.length);
      const data = lineOf("data: ");
      if (data !== undefined) hear({ event: lineOf("event: ") ?? "message", data });
    }
  };
}
