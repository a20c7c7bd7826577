import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startCluster, type TestCluster } from "../redis-cluster.ts";
import { until } from "../until.ts";
import { endure } from "./endure.ts";
import { SERVER_FAULTS } from "./redis-faults.ts";
import { setServerStage } from "./stage.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

/** A node that comes back takes no writes for two seconds, so that the others can tell it what has changed. */
const RECOVERY_MS = 5000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster(3);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Empty, and every node at peace with the others. */
async function freshCluster(): Promise<TestCluster> {
  for (const node of cluster.nodes) {
    const atPeace = async () => {
      const nodes = String(await node.command("CLUSTER", "NODES"));
      return (
        String(await node.command("CLUSTER", "INFO")).includes("cluster_state:ok") &&
        !/fail|disconnected/.test(nodes)
      );
    };
    await until("the Cluster is whole", atPeace, 20_000);
    await node.command("FLUSHALL");
  }
  return cluster;
}

/** What one server is put through often enough for all. */
const FAULTS = SERVER_FAULTS.filter(({ name }) => !name.includes("fifty times"));
const ROWS = ["has the purge log", "has no purge log"].flatMap((place) =>
  FAULTS.map((fault) => ({ ...fault, place })),
);

it.each(ROWS)("a master of a Cluster that $place and $name costs hits, and nothing else", async (row) => {
  const { nodes, ownerOf, url } = await freshCluster();
  const log = ownerOf("{purges}");
  const node = row.place === "has the purge log" ? log : nodes.find((other) => other !== log);
  if (node === undefined) throw new Error("there is one master");
  expect(nodes).toHaveLength(3);
  await endure(await setServerStage(node, url), row, RECOVERY_MS);
});
