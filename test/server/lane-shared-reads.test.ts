import { once } from "node:events";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { type OnRead, shareReads } from "../../src/server/lane/shared-reads.ts";
import { until } from "../until.ts";

/** A connection that a server has accepted, and its client. */
async function connection() {
  const server = createServer({ allowHalfOpen: true });
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const accepting = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await accepting) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
  });
  return { socket, client };
}

/** What `data` tells: each chunk as it is when it comes, and as it is at last. */
function heard(socket: Socket) {
  const chunks: Buffer[] = [];
  const texts: string[] = [];
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    texts.push(chunk.toString());
  });
  return { texts, atLast: () => chunks.map(String) };
}

it("what comes on connections is told from one memory, and is no data", async () => {
  const memories = new Set<Buffer>();
  const texts: string[] = [];
  const onRead: OnRead = (memory, length) => {
    memories.add(memory);
    texts.push(memory.toString("latin1", 0, length));
    return true;
  };
  const [one, other] = [await connection(), await connection()];
  const data = heard(one.socket);
  expect([shareReads(one.socket, onRead), shareReads(other.socket, onRead)]).toEqual([true, true]);
  one.client.write("from one");
  await until("one is heard", () => texts.includes("from one"));
  other.socket.resume();
  other.client.write("from the other");
  await until("the other is heard", () => texts.includes("from the other"));
  expect(memories.size).toBe(1);
  one.client.end();
  await once(one.socket, "end");
  expect(data.texts).toEqual([]);
});

it("what is said to be somebody else's is data, in its order, and stays what it is", async () => {
  const { socket, client } = await connection();
  let mine = "";
  let reads = 0;
  shareReads(socket, (memory, length) => {
    reads++;
    if (mine.length >= 3) return false;
    mine += memory.toString("latin1", 0, length);
    return true;
  });
  const data = heard(socket);
  for (const text of ["abc", "defg", "hijk"]) {
    const before = reads;
    client.write(text);
    await until(`${text} is read`, () => reads > before);
  }
  expect(mine).toBe("abc");
  expect(data.texts).toEqual(["defg", "hijk"]);
  expect(data.atLast()).toEqual(data.texts);
});

it("what is given back to a connection is data before all that comes", async () => {
  const { socket, client } = await connection();
  const seen: string[] = [];
  shareReads(socket, (memory, length) => {
    seen.push(`read ${memory.toString("latin1", 0, length)}`);
    return true;
  });
  socket.on("data", (chunk) => seen.push(`data ${chunk}`));
  socket.pause();
  client.write("next");
  socket.unshift(Buffer.from("first"));
  socket.resume();
  await until("both are heard", () => seen.length === 2);
  expect(seen).toEqual(["data first", "read next"]);
});

it("nobody reads from a connection that is paused", async () => {
  const { socket, client } = await connection();
  let reads = 0;
  shareReads(socket, () => {
    reads++;
    return true;
  });
  socket.resume();
  client.write("a");
  await until("the first is read", () => reads === 1);
  socket.pause();
  client.write("b");
  const other = await connection();
  let told = false;
  shareReads(other.socket, () => {
    told = true;
    return true;
  });
  other.socket.resume();
  other.client.write("c");
  await until("another connection's, which came later, is read", () => told);
  expect(reads).toBe(1);
  socket.resume();
  await until("it is read at last", () => reads === 2);
});

it("a socket without a connection is left as it is", () => {
  expect(shareReads(new Socket(), () => true)).toBe(false);
});
