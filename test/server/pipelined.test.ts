import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { MAX_DUE } from "../../src/server/lane/connection.ts";
import { inOrder } from "../../src/server/pipelined.ts";
import { UnderWay } from "../../src/server/under-way.ts";
import { until } from "../until.ts";

/** A server whose answers are the test's to give, and a client of it. */
async function pipeline() {
  const underWay = new UnderWay();
  const served: ServerResponse[] = [];
  let read = 0;
  let answered = 0;
  let atOnce = false;
  let connection: Socket | undefined;
  const server = createServer((incoming, outgoing) => {
    read++;
    connection = incoming.socket;
    const before = underWay.on(incoming.socket);
    underWay.add(incoming, outgoing);
    inOrder(incoming.socket, before, outgoing, () => {
      served.push(outgoing);
      if (atOnce) answer();
    });
  });
  /** Answers those that are served, each with its number. */
  function answer(): void {
    for (const each of served.splice(0)) each.end(`<${answered++}>`);
  }
  server.listen(0);
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  let seen = "";
  client.setEncoding("latin1").on("data", (text: string) => {
    seen += text;
  });
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  return {
    client,
    served,
    answer,
    /** From now on. */
    answerAtOnce() {
      atOnce = true;
      answer();
    },
    read: () => read,
    isPaused: () => connection?.isPaused(),
    seen: () => seen,
  };
}

/** More than one read of a socket brings. */
const MANY = 10_000;
const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

it("reads no more of a connection than one read beyond what is worked on, and goes on behind the answers", async () => {
  const { client, served, answer, answerAtOnce, read, isPaused, seen } = await pipeline();
  client.write(REQUEST.repeat(MANY));
  await until("it is paused, or all is read", () => isPaused() === true || read() === MANY);
  expect(served).toHaveLength(MAX_DUE);
  const inOneRead = read();
  expect(inOneRead).toBeLessThan(MANY / 2);

  answer();
  await until("others are served", () => served.length === MAX_DUE);
  expect(isPaused()).toBe(true);
  expect(read()).toBe(inOneRead);

  answerAtOnce();
  await until("the last answer", () => seen().endsWith(`<${MANY - 1}>`));
  expect(read()).toBe(MANY);
  expect(isPaused()).toBe(false);
});
