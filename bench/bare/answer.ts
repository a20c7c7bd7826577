import { readFileSync } from "node:fs";

const END = Buffer.from("\r\n\r\n");
const OF_THE_CONNECTION = ["connection", "keep-alive"];

/** What a bare server is to say: the words after its name are a port, and a file with the whole answer. */
export function ordered(): { port: number; bytes: Buffer } {
  const [port, file = ""] = process.argv.slice(2);
  return { port: Number(port), bytes: readFileSync(file) };
}

/** The parts of an answer, for who writes them through Node's server, which says itself how it keeps a connection. */
export function parts(bytes: Buffer): { status: number; lines: string[]; body: Buffer } {
  const end = bytes.indexOf(END);
  const [first = "", ...rest] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const lines = rest
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()])
    .filter(([name = ""]) => !OF_THE_CONNECTION.includes(name.toLowerCase()))
    .flat();
  return { status: Number(first.slice(9, 12)), lines, body: bytes.subarray(end + END.length) };
}
