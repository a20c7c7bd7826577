import { expect, test } from "vitest";
import { whenClosed } from "../../scripts/until-stopped.ts";

test("a terminal that is gone is heard of once, and without a signal", async () => {
  const open = new Set([2]);
  let heard = 0;
  const closed = new Promise<void>((resolve) => {
    const hear = () => {
      heard += 1;
      resolve();
    };
    whenClosed([0, 1, 2], hear, (descriptor) => open.has(descriptor), 1);
  });
  const rounds = async () => {
    for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await rounds();
  expect(heard).toBe(0);
  open.clear();
  await closed;
  await rounds();
  expect(heard).toBe(1);
});

test("where there never was one, none is missed", () => {
  const asked: number[] = [];
  const isTerminal = (descriptor: number) => {
    asked.push(descriptor);
    return false;
  };
  whenClosed([0, 1, 2], () => expect.unreachable(), isTerminal, 1);
  expect(asked).toEqual([0, 1, 2]);
});
