import { expect, it } from "vitest";
import type { PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { PurgeQueue } from "../../src/store/purge-queue.ts";

const urls = (count: number, length: number): PurgeTarget[] =>
  Array.from({ length: count }, (_, i) => ({ type: "url", key: `${i}`.padEnd(length, "x") }));

/** How many targets each batch has, until none is left. */
function batches(appends: readonly PurgeTarget[][]): number[] {
  const queue = new PurgeQueue();
  for (const targets of appends) void queue.add(targets, "delete", "");
  const sizes: number[] = [];
  while (!queue.isEmpty) sizes.push(queue.takeBatch().reduce((sum, { purges }) => sum + purges.length, 0));
  return sizes;
}

it.each([
  ["number", Array.from({ length: 1200 }, () => urls(1, 10)), [500, 500, 200]],
  ["length", Array.from({ length: 70 }, () => urls(1, 16_000)), [31, 31, 8]],
])("a batch is bounded by the %s of its purges", (_, appends, sizes) => {
  expect(batches(appends)).toEqual(sizes);
});

it("what was appended in one go is never divided, and holds up nothing", () => {
  expect(batches([urls(1, 10), urls(900, 10), urls(40, 16_000), urls(1, 10)])).toEqual([1, 900, 40, 1]);
});

it.each([
  ["10,000 short ones", urls(5000, 10), 2],
  ["4 million characters", urls(100, 16_000), 2],
])("no more than %s wait, and there is room again when a batch was taken", async (_, targets, fit) => {
  const queue = new PurgeQueue();
  for (let i = 0; i < fit; i++) void queue.add(targets, "delete", "");
  await expect(queue.add(targets, "delete", "")).rejects.toMatchObject({ code: "refused" });
  queue.takeBatch();
  void queue.add(targets, "delete", "");
  for (let i = 0; i < fit; i++) expect(queue.takeBatch()).toHaveLength(1);
  expect(queue.isEmpty).toBe(true);
});
