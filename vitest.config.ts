import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Processes that tests start take a second each of a machine, and ten of a busy one.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // Most tests wait more than they compute: two at once on a small machine, too.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
