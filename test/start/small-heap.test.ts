import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const OLD = `
  import { getHeapSpaceStatistics } from "node:v8";
  import { keepHeapSmall } from ${JSON.stringify(new URL("../../src/start/small-heap.ts", import.meta.url))};
  const old = () => getHeapSpaceStatistics().find((space) => space.space_name === "old_space").space_used_size / 2 ** 20;
  keepHeapSmall();
`;

/** What a process of its own says at its end, a number. */
const saysInTheEnd = (program: string): number =>
  Number(
    execFileSync(process.execPath, ["--expose-gc", "--input-type=module", "--eval", OLD + program], {
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" },
    }),
  );

describe("a small heap", () => {
  it("has young objects even from a place that has made many that live long", () => {
    // V8 by itself makes 106 MiB of old ones here.
    const grownMib = saysInTheEnd(`
      let grown = 0;
      for (let place = 0; place < 8; place++) {
        const make = new Function("i", "last", "return { place: " + place + ", text: [i, i], last }");
        const live = [];
        for (let i = 0; i < 400_000; i++) live.push(make(i));
        const before = old();
        let last;
        for (let i = 0; i < 1_000_000; i++) {
          last = make(i, i % 100 === 0 ? undefined : last);
          if (i % 10_000 === 0) grown = Math.max(grown, old() - before);
        }
        live.length = 0;
      }
      console.log(grown);
    `);
    expect(grownMib).toBeLessThan(64);
  });

  it("grows to no more than twice what is in use before what is old is collected", () => {
    // V8 by itself comes to 200 MiB and more here.
    const mostMib = saysInTheEnd(`
      const live = Array.from({ length: 400_000 }, (_, i) => ({ text: [i, i] }));
      globalThis.gc();
      let most = 0;
      for (let i = 0; i < 10_000_000; i++) {
        live[i % live.length] = { text: [i, i] };
        if (i % 10_000 === 0) most = Math.max(most, old());
      }
      console.log(most);
    `);
    expect(mostMib).toBeLessThan(150);
  });
});
