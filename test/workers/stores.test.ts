import { describe, expect, it } from "vitest";
import type { ShownEntry } from "../../src/admin/answers.ts";
import type { AskedEntries } from "../../src/cache/entries.ts";
import { StoreError } from "../../src/cache/ports/store.ts";
import { storesOf } from "../../src/start/stores-of-workers.ts";
import type { AskedOfPrimary, AskedOfWorker } from "../../src/start/worker-contract.ts";
import { type Answers, Wire } from "../../src/workers/wire.ts";

/** A worker whose memory has these URLs, and whose cursor is how many of them have been told. */
function aWorker(place: number, urls: readonly string[]) {
  const asked: AskedEntries[] = [];
  const answers: Partial<Answers<AskedOfWorker>> = {
    entries: (one) => {
      asked.push(one);
      const first = Number(one.cursor);
      const end = first + one.limit;
      return {
        ...{ tier: "memory", tiers: ["memory"], looked_at: one.limit },
        entries: urls.slice(first, end).map((url) => ({ url }) as ShownEntry),
        cursor: end < urls.length ? String(end) : null,
      };
    },
  };
  const far: Wire<AskedOfPrimary, AskedOfWorker> = new Wire(
    (message) => queueMicrotask(() => wire.receive(message)),
    answers as Answers<AskedOfWorker>,
  );
  const wire: Wire<AskedOfWorker, AskedOfPrimary> = new Wire(
    (message) => queueMicrotask(() => far.receive(message)),
    {} as Answers<AskedOfPrimary>,
  );
  return { place, name: `worker ${place}`, wire, asked };
}

function theStores(workers: readonly ReturnType<typeof aWorker>[], shared = false) {
  const [first] = workers;
  if (first === undefined) throw new Error("a test without workers");
  return storesOf({ serving: () => workers, anyone: () => first, shared });
}

const ASKED = { match: "", limit: 2, cursor: "" };
const SILENT = new StoreError("timeout", "the worker that was to look has not answered");

describe("what several workers have in memory", () => {
  it("is one list, worker by worker", async () => {
    const { entries } = theStores([aWorker(1, ["a", "b", "c"]), aWorker(2, ["d"])]);
    const pages: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page = await entries({ ...ASKED, cursor });
      if ("problem" in page) throw new Error(page.problem);
      pages.push(page.entries.map(({ worker, url }) => `${worker}${url}`).join(" "));
      cursor = page.cursor;
    }
    expect(pages).toEqual(["1a 1b", "1c 2d"]);
  });

  it("is told from the beginning by the next where who was to go on is gone", async () => {
    const next = aWorker(3, ["x", "y"]);
    const page = await theStores([aWorker(1, ["a"]), next]).entries({ ...ASKED, cursor: "w2_1" });
    expect(page).toMatchObject({
      entries: [
        { worker: 3, url: "x" },
        { worker: 3, url: "y" },
      ],
      cursor: null,
    });
    expect(next.asked.map(({ cursor }) => cursor)).toEqual([""]);
  });
});

describe("a worker that does not answer", () => {
  const gone = aWorker(1, []);
  gone.wire.close();

  it("is told as a store that does not", async () => {
    const { entries, storeState } = theStores([gone], true);
    await expect(entries(ASKED)).rejects.toEqual(SILENT);
    await expect(entries({ ...ASKED, tier: "redis" })).rejects.toEqual(SILENT);
    await expect(storeState()).rejects.toEqual(SILENT);
  });

  it("is there with nulls where each is asked for itself", async () => {
    expect(await theStores([gone]).storeState()).toEqual({
      redis: null,
      instances: [
        { instance: "worker 1", self: false, version: null, since: null, epoch: null, behind_ms: null },
      ],
    });
  });
});
