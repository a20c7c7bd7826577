import { type Connection, type RawServer, rawServer } from "../origin/raw-server.ts";

/** An origin that writes bytes of the test's choosing; closed when the test has finished. Its health check is a 404. */
export async function startRawOrigin(
  answer: (connection: Connection, head: string, nth: number) => unknown,
): Promise<RawServer & { readonly heads: readonly string[] }> {
  const heads: string[] = [];
  const server = await rawServer((connection, head) => {
    if (/^GET \/health-check /.test(head)) {
      connection.socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    heads.push(head);
    answer(connection, head, heads.length - 1);
  });
  return { ...server, heads };
}

/** A response with these field lines and this body. */
export const answerOf = (status: string, lines: readonly string[], body = ""): string =>
  `${[`HTTP/1.1 ${status}`, ...lines, `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`;
