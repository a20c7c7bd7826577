import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { type AnswerUnderWay, UnderWay } from "../../src/server/under-way.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("globalThis.gc") as (options?: { readonly type: "minor" }) => void;
setFlagsFromString("--no-expose-gc");

const connection = () => new Duplex({ read() {}, write: (_chunk, _encoding, written) => written() });
const answer = () => new EventEmitter() as unknown as AnswerUnderWay;

it("leaves answers that are closed to a collection of young objects, for how long their connections have been open", async () => {
  const underWay = new UnderWay();
  const connections = Array.from({ length: 64 }, connection);
  let before = connections.map((socket) => {
    const outgoing = answer();
    underWay.add({ socket }, outgoing);
    return outgoing;
  });
  collect();
  const seen: WeakRef<object>[] = [];
  for (let round = 0; round < 50; round++) {
    before = connections.map((socket, i) => {
      before[i]?.emit("close");
      const outgoing = answer();
      underWay.add({ socket }, outgoing);
      if (round < 40) seen.push(new WeakRef(outgoing));
      return outgoing;
    });
    // A WeakRef holds what it was made of, or was asked for, until the end of a turn.
    await turn();
    collect({ type: "minor" });
  }
  expect(underWay.last()).toEqual(before);
  // One or another may have been taken for old by itself.
  expect(seen.filter((each) => each.deref() !== undefined).length).toBeLessThan(connections.length);
});

it.each(["answer", "connection"])(
  "forgets a connection and its answer when both are closed, the %s first",
  async (first) => {
    const underWay = new UnderWay();
    const dueBehind: number[] = [];
    // What a test's own function names lives as long as that.
    const closed = async (): Promise<WeakRef<object>> => {
      const socket = connection();
      const outgoing = answer();
      underWay.add({ socket }, outgoing);
      if (first === "answer") outgoing.emit("close");
      socket.destroy();
      await turn();
      dueBehind.push(underWay.on(socket).length);
      if (first === "connection") outgoing.emit("close");
      return new WeakRef(socket);
    };
    const socket = await closed();
    expect(dueBehind).toEqual([first === "answer" ? 0 : 1]);
    await turn();
    collect();
    expect(socket.deref() === undefined).toBe(true);
  },
);
