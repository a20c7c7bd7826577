import { expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { Together } from "../../src/observe/together.ts";
import type { Hired } from "../../src/start/hire.ts";
import { WatchesOfWorkers } from "../../src/start/live-of-workers.ts";
import { operationsOf } from "../../src/start/operations-of-workers.ts";
import { Crew } from "../../src/workers/crew.ts";

/** Before its start, and between the end of its last worker and the next one's begin. */
function withoutWorkers() {
  const crew = new Crew<Hired>({
    size: 2,
    beginWithinMs: 1000,
    stopWithinMs: 1000,
    tell() {},
    hire() {
      throw new Error("nobody is hired");
    },
  });
  return operationsOf({
    ...{ crew, hired: new Set<Hired>(), shared: false, isDraining: () => false },
    together: new Together<Hired>(() => [], Date.now),
    watches: new WatchesOfWorkers(),
  });
}

it.each<[string, (operations: ReturnType<typeof withoutWorkers>) => Promise<unknown>]>([
  ["warmed", ({ warm }) => warm(["/a"])],
  ["purged", ({ purge }) => purge([{ type: "everything" }], "delete")],
])("where no worker serves nothing is said to be %s", async (_, ask) => {
  const nobody = new StoreError("unavailable", "no worker serves");
  await expect(ask(withoutWorkers())).rejects.toEqual(nobody);
});
