import { ask } from "./api.ts";

export interface ServerSent {
  readonly event: string;
  readonly data: string;
}

/** Longer ones are given up, in characters: no event of ours is. */
const MAX_EVENT = 1_000_000;

/**
 * Reads a stream of server-sent events until it ends or `signal` is aborted; the first it yields is `open`,
 * once the stream is there. Throws ApiFailure.
 *
 * Not EventSource: that sends no Authorization.
 */
export async function* serverSent(path: string, signal: AbortSignal): AsyncGenerator<ServerSent> {
  const response = await ask(path, { headers: { Accept: "text/event-stream" }, signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  yield { event: "open", data: "" };
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value.replaceAll("\r\n", "\n");
    const blocks = pending.split("\n\n");
    pending = blocks.pop() ?? "";
    if (pending.length > MAX_EVENT) pending = "";
    for (const block of blocks) {
      const event = parse(block);
      if (event !== undefined) yield event;
    }
  }
}

/** Undefined for a block of comments alone. */
function parse(block: string): ServerSent | undefined {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name === "event") event = value;
    if (name === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { event, data: data.join("\n") };
}
