import { END_HEADERS, END_STREAM, FRAME, frame, section } from "../security/h2-raw.ts";
import { rawH2Origin } from "../security/h2-raw-origin.ts";

/** One request of HTTP/2, answered in frames. */
export interface FramedStream {
  /** A 200 that may be stored, with a Content-Length where one is given; its END_STREAM is still to come. */
  head(length?: number): void;
  data(text: string, end?: "END_STREAM"): void;
  reset(code: number): void;
}

/** An https origin that speaks HTTP/2 in frames of the test's choosing: Node's server ends a body well before it resets. */
export async function framedOrigin(
  answer: (stream: FramedStream, asked: number) => void,
): Promise<{ readonly url: string; readonly ca: string; readonly caPath: string; asked(): number }> {
  const { url, ca, caPath, behaves } = await rawH2Origin();
  let asked = 0;
  behaves((socket, id) => {
    const send = (type: number, flags: number, payload: Buffer) =>
      void socket.write(frame(type, flags, id, payload));
    const stream: FramedStream = {
      head(length) {
        const more = length === undefined ? [] : [["content-length", String(length)] as const];
        const lines = [[":status", "200"], ["cache-control", "max-age=60"], ...more] as const;
        send(FRAME.HEADERS, END_HEADERS, section(lines));
      },
      data: (text, end) => send(FRAME.DATA, end === undefined ? 0 : END_STREAM, Buffer.from(text)),
      reset: (code) => send(FRAME.RST_STREAM, 0, Buffer.from([0, 0, 0, code])),
    };
    answer(stream, ++asked);
  });
  return { url, ca, caPath, asked: () => asked };
}
