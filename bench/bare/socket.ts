/** A socket that looks for the end of a head, and writes head and body at once. */
import { createServer } from "node:net";
import { ordered } from "./answer.ts";

const { port, bytes } = ordered();
const END = Buffer.from("\r\n\r\n");
createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    // A loader's head comes whole; what does not is none of a floor's business.
    if (chunk.indexOf(END) !== -1) socket.write(bytes);
  });
}).listen(port, "127.0.0.1");
