import { describe, expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { Wire } from "../../src/workers/wire.ts";

type Asked = { double(given: number): number; note(given: string): void; fail(given: Error): void };
type Nothing = Record<string, never>;

/** Two ends whose messages pass as they would between processes: in order, and as copies. */
function aWire(post: (message: unknown, receive: (message: unknown) => void) => void = passOn) {
  const noted: string[] = [];
  const far: Wire<Nothing, Asked> = new Wire<Nothing, Asked>((message) => post(message, near.receive), {
    double: async (given) => given * 2,
    note: (given) => void noted.push(given),
    fail: () => {
      throw failure;
    },
  });
  let failure: Error = new Error();
  const near: Wire<Asked, Nothing> = new Wire<Asked, Nothing>((message) => post(message, far.receive), {});
  return {
    near,
    far,
    noted,
    failWith(error: Error) {
      failure = error;
      return near.ask("fail", error.message as never, 1000);
    },
  };
}

const passOn = (message: unknown, receive: (message: unknown) => void) => {
  const copy = structuredClone(message);
  queueMicrotask(() => receive(copy));
};

describe("a wire", () => {
  it("brings each question its own answer", async () => {
    const { near } = aWire();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => near.ask("double", i, 1000)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => i * 2));
  });

  it("carries Infinity and undefined", async () => {
    expect(await aWire().near.ask("double", Number.POSITIVE_INFINITY, 1000)).toBe(Number.POSITIVE_INFINITY);
  });

  it("says what needs no answer, and hears nothing of it", async () => {
    const { near, noted } = aWire();
    near.tell("note", "a");
    near.tell("note", "b");
    await near.ask("note", "c", 1000);
    expect(noted).toEqual(["a", "b", "c"]);
  });

  it("rejects with the other end's own error: its code, what it says of a port, and its class where that counts", async () => {
    const { failWith } = aWire();
    const taken = Object.assign(new Error("bind EADDRINUSE"), {
      code: "EADDRINUSE",
      syscall: "bind",
      port: 80,
    });
    await expect(failWith(taken)).rejects.toMatchObject({
      message: "bind EADDRINUSE",
      code: "EADDRINUSE",
      syscall: "bind",
      port: 80,
    });
    const away = await failWith(new StoreError("timeout", "late")).catch((error: unknown) => error);
    expect(away).toBeInstanceOf(StoreError);
    expect(away).toMatchObject({ code: "timeout", message: "late" });
  });

  it("gives up on a question that is not answered in time", async () => {
    const { near } = aWire(() => {});
    await expect(near.ask("double", 1, 20)).rejects.toMatchObject({ name: "WireError", code: "late" });
  });

  it("rejects what waits, and what is asked later, when the other end is gone", async () => {
    const { near } = aWire(() => {});
    const waiting = near.ask("double", 1, 60_000);
    near.close();
    await expect(waiting).rejects.toMatchObject({ code: "gone" });
    await expect(near.ask("double", 1, 60_000)).rejects.toMatchObject({ code: "gone" });
    expect(() => near.tell("note", "x")).not.toThrow();
  });

  it("rejects at once what cannot be sent", async () => {
    const { near } = aWire(() => {
      throw new Error("could not be cloned");
    });
    await expect(near.ask("double", 1, 60_000)).rejects.toThrow("could not be cloned");
  });

  it("bounds what waits", async () => {
    const { near } = aWire(() => {});
    const waiting = Array.from({ length: 10_000 }, (_, i) => near.ask("double", i, 60_000));
    for (const one of waiting) one.catch(() => {});
    await expect(near.ask("double", 1, 60_000)).rejects.toMatchObject({ code: "busy" });
    near.close();
    await Promise.allSettled(waiting);
  });

  it("takes no notice of messages of others", () => {
    const { near } = aWire();
    for (const message of [undefined, null, 1, "x", {}, { cmd: "NODE_CLUSTER" }, { "watch:import": ["a"] }])
      expect(() => near.receive(message)).not.toThrow();
  });
});
