/** Node's server, with a raw header array and nothing between. */
import { createServer } from "node:http";
import { ordered, parts } from "./answer.ts";

const { port, bytes } = ordered();
const { status, lines, body } = parts(bytes);
createServer({ keepAliveTimeout: 600_000 }, (_, outgoing) => {
  outgoing.writeHead(status, lines);
  outgoing.end(body);
}).listen(port, "127.0.0.1");
