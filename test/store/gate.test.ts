import { describe, expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { Gate } from "../../src/store/gate.ts";

/** Operations that end when the test says so, by name. */
function operations(gate: Gate) {
  const begun: string[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const start = (name: string) =>
    gate.run(() => {
      begun.push(name);
      return new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }));
    });
  return { begun, start, end: (name: string) => ends.get(name) };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("a gate", () => {
  it("lets so many be under way, and the others in the order in which they came", async () => {
    const { begun, start, end } = operations(new Gate(2));
    const all = ["a", "b", "c", "d"].map(start);
    await settled();
    expect(begun).toEqual(["a", "b"]);
    end("b")?.resolve();
    await settled();
    expect(begun).toEqual(["a", "b", "c"]);
    for (const name of ["a", "c"]) end(name)?.resolve();
    await settled();
    end("d")?.resolve();
    await Promise.all(all);
    expect(begun).toEqual(["a", "b", "c", "d"]);
  });

  it("gives the place of one that failed to the next, and a free one to whoever comes", async () => {
    const { begun, start, end } = operations(new Gate(1));
    const [first, second] = [start("a"), start("b")];
    await settled();
    end("a")?.reject(new Error("failed"));
    await expect(first).rejects.toThrow("failed");
    await settled();
    end("b")?.resolve();
    await second;
    const third = start("c");
    await settled();
    expect(begun).toEqual(["a", "b", "c"]);
    end("c")?.resolve();
    await third;
  });

  it("bounds those that wait", async () => {
    const { begun, start, end } = operations(new Gate(1));
    const waiting = Array.from({ length: 10_001 }, (_, i) => start(`${i}`));
    await expect(start("one too many")).rejects.toThrow(StoreError);
    for (let i = 0; i < waiting.length; i++) {
      await settled();
      end(`${i}`)?.resolve();
    }
    await Promise.all(waiting);
    expect(begun).toHaveLength(10_001);
  });
});
