import { slotOf } from "../src/store/cluster-slots.ts";
import { freePort } from "./free-port.ts";
import { startRedis, type TestRedis, untilReplicated } from "./redis-server.ts";
import { until } from "./until.ts";

/** A real Redis Cluster of a test's own; each node is a server whose slots it keeps over a restart. */
export interface TestCluster {
  /** Names one of its nodes. */
  readonly url: string;
  /** The masters, which have about as many slots each, and then the replicas. */
  readonly nodes: readonly TestRedis[];
  /** The master that has the key, as things were at the start. */
  ownerOf(key: string): TestRedis;
  /** A key that this master had at the start; another one for each n. */
  keyOf(master: TestRedis, n?: number): string;
  /** The one replica that is started for this master. */
  replicaOf(master: TestRedis): TestRedis;
  /** Begins to move the key's slot from its owner to the next master, with the keys that are named. */
  beginMove(key: string, moved: readonly string[]): Promise<Move>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Move {
  readonly to: TestRedis;
  /** From now on the slot is the other master's. */
  end(): Promise<void>;
}

const SLOTS = 16_384;

export async function startCluster(masters: number, replicas = 0): Promise<TestCluster> {
  const nodes = await Promise.all(Array.from({ length: masters + replicas }, () => startNode()));
  const size = Math.ceil(SLOTS / masters);
  const first = nodes[0] as TestRedis;
  const ids = await Promise.all(nodes.map(async (node) => String(await node.command("CLUSTER", "MYID"))));
  for (const [i, node] of nodes.entries()) {
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    if (i < masters)
      await node.command("CLUSTER", "ADDSLOTSRANGE", i * size, Math.min(SLOTS, (i + 1) * size) - 1);
  }
  for (const node of nodes) {
    const busPort = ((await node.command("CONFIG", "GET", "cluster-port")) as string[])[1] as string;
    for (const other of nodes)
      if (other !== node) await other.command("CLUSTER", "MEET", "127.0.0.1", node.port, busPort);
  }
  const info = async (node: TestRedis) => String(await node.command("CLUSTER", "INFO"));
  const everyone = new RegExp(`cluster_state:ok[^]*cluster_known_nodes:${nodes.length}\\r`);
  for (const node of nodes)
    await until("the nodes know one another", async () => everyone.test(await info(node)), 20_000);
  for (const [i, node] of nodes.slice(masters).entries())
    await node.command("CLUSTER", "REPLICATE", ids[i % masters] as string);
  for (const [i, node] of nodes.slice(masters).entries())
    await untilReplicated(nodes[i % masters] as TestRedis, node);
  const indexOf = (key: string) => Math.floor(slotOf(key) / size);
  const cluster: TestCluster = {
    url: first.url.replace("redis:", "redis-cluster:"),
    nodes,
    ownerOf: (key) => nodes[indexOf(key)] as TestRedis,
    keyOf(master, n = 0) {
      let left = n;
      for (let i = 0; ; i++) {
        const key = `http://example.test/${i}`;
        if (cluster.ownerOf(`{${key}}`) === master && left-- === 0) return key;
      }
    },
    replicaOf: (master) => nodes[masters + nodes.indexOf(master)] as TestRedis,
    async beginMove(key, moved) {
      const slot = slotOf(key);
      const from = indexOf(key);
      const to = (from + 1) % masters;
      const [source, target] = [nodes[from] as TestRedis, nodes[to] as TestRedis];
      await target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from] as string);
      await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to] as string);
      await source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", ...moved);
      return {
        to: target,
        async end() {
          for (const node of [target, source])
            await node.command("CLUSTER", "SETSLOT", slot, "NODE", ids[to] as string);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    },
  };
  return cluster;
}

/** Tried again where another process was faster at one of the two ports. */
async function startNode(attempts = 3): Promise<TestRedis> {
  const settings = {
    "cluster-enabled": "yes",
    "cluster-port": await freePort(),
    "cluster-node-timeout": 1000,
    "cluster-require-full-coverage": "no",
    // A replica that was cut off only for a moment shall stand for election.
    "cluster-replica-validity-factor": 0,
  };
  try {
    return await startRedis(Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]));
  } catch (error) {
    if (attempts === 1) throw error;
    return startNode(attempts - 1);
  }
}
