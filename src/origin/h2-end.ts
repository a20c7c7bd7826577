import { subscribe } from "node:diagnostics_channel";
import type { ClientHttp2Stream } from "node:http2";

let lastIsWhole = false;

/**
 * Did the response of HTTP/2 whose end is being told end with END_STREAM? Node tells a stream that its
 * origin resets with CANCEL or NO_ERROR like one that has ended well, and so does undici: half a body
 * would pass for the whole. To be asked while undici tells of the end, and no later.
 */
export const isWholeStream = (): boolean => lastIsWhole;

// undici's streams are the only ones that this process opens as a client.
subscribe("http2.client.stream.created", (message) =>
  watchEnd((message as { readonly stream: ClientHttp2Stream }).stream),
);

/** At END_STREAM there is nothing more to read of a stream that is still open; a reset closes it first. */
function watchEnd(stream: ClientHttp2Stream): void {
  let isWhole: boolean | undefined;
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk === null) isWhole ??= !stream.closed;
    return push(chunk, encoding);
  };
  stream.prependListener("end", () => {
    lastIsWhole = isWhole === true;
  });
}
