import { afterAll, beforeAll, expect, it } from "vitest";
import { startCluster, type TestCluster } from "../redis-cluster.ts";
import { until } from "../until.ts";
import { endure } from "./endure.ts";
import { SERVER_FAULTS } from "./redis-faults.ts";
import { type ServerStage, setServerStage } from "./stage.ts";

/** Counted from when the nodes agree again, which is a matter of the Cluster and of the machine that it runs on. */
const RECOVERY_MS = 3000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster(3);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Every node at peace with the others. */
async function agreed(): Promise<void> {
  for (const node of cluster.nodes) {
    const atPeace = async () => {
      const nodes = String(await node.command("CLUSTER", "NODES"));
      return (
        String(await node.command("CLUSTER", "INFO")).includes("cluster_state:ok") &&
        !/fail|disconnected/.test(nodes)
      );
    };
    await until("the Cluster is whole", atPeace, 20_000);
  }
}

/** What one server is put through often enough for all. */
const FAULTS = SERVER_FAULTS.filter(({ name }) => !name.includes("fifty times"));
const ROWS = ["has the purge log", "has no purge log"].flatMap((place) =>
  FAULTS.map((fault) => ({ ...fault, place })),
);

it.each(ROWS)("a master of a Cluster that $place and $name costs hits, and nothing else", async (row) => {
  await agreed();
  const { nodes, ownerOf, url } = cluster;
  for (const node of nodes) await node.command("FLUSHALL");
  const log = ownerOf("{purges}");
  const node = row.place === "has the purge log" ? log : nodes.find((other) => other !== log);
  if (node === undefined) throw new Error("there is one master");
  expect(nodes).toHaveLength(3);
  const mend = async (stage: ServerStage) => {
    await row.mend?.(stage);
    await agreed();
  };
  await endure(await setServerStage(node, url), { ...row, mend }, RECOVERY_MS);
});
