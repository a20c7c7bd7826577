import { expect, it, onTestFinished } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { get, HOST, startFleet } from "./fleet.ts";
import { startSharing } from "./program.ts";
import { ask } from "./site.ts";

const redis = await redisOfFile();
const HEAD = { "Cache-Control": "max-age=600" };

it.each([
  { way: "is stored as a whole", old: "old", inChunks: false },
  { way: "is left in chunks while it arrives", old: "old".repeat(100_000), inChunks: true },
])(
  "a leader that sleeps for longer than its lease lives brings back nothing that was purged meanwhile, where its body $way",
  async ({ old, inChunks }) => {
    const fleet = await startFleet(redis, 2, {
      LEASE_TTL: "2s",
      COALESCE_PATIENCE: "60s",
      CACHE_CHUNK_BYTES: "16KiB",
      PURGE_ACK_TIMEOUT: "2s",
    });
    const { sites, held, asked, settings, namespace } = fleet;
    const [a, b] = sites;
    const leader = await startSharing({ ...settings, REDIS_URL: redis.url, LOG_LEVEL: "silent" });
    const ofLeader = () => ask(`http://127.0.0.1:${leader.port}/page`, { headers: HOST });
    const first = ofLeader();
    await asked(1);
    held[0]!.writeHead(200, { ...HEAD, "Content-Length": old.length });
    held[0]!.write(old.slice(0, old.length / 2));
    const arriving = async () => String(await redis.command("KEYS", `${namespace}:*:arriving`)) !== "";
    if (inChunks) await a.until("chunks arrive", arriving);

    leader.child.kill("SIGSTOP");
    const purge = async (path: string) => {
      const body = JSON.stringify({ urls: [`http://shop.test${path}`] });
      return (await a.admin("/purge", { method: "POST", body })).json();
    };
    expect(await purge("/page")).toMatchObject({ instances: 3, acked: 2 });
    const next = get(b, "/page");
    await asked(2);
    held[1]!.writeHead(200, HEAD).end("new");
    expect((await next).text).toBe("new");
    held[0]!.end(old.slice(old.length / 2));
    leader.child.kill("SIGCONT");
    // Who had asked before the purge may have it.
    expect((await first).text).toBe(old);
    // A later purge is heard after it.
    await a.until("the leader has heard of it", async () => (await purge("/other"))["acked"] === 3);

    const answering = setInterval(() => {
      for (const response of held.slice(2))
        if (!response.headersSent) response.writeHead(200, HEAD).end("new");
    }, 5);
    onTestFinished(() => clearInterval(answering));
    for (let i = 0; i < 50; i++) {
      const answers = await Promise.all([...sites.map((site) => get(site, "/page")), ofLeader()]);
      expect(answers.map(({ text }) => text)).toEqual(["new", "new", "new"]);
    }
    // What it has written over what was newer costs those who find it one request.
    expect(held.length).toBeLessThanOrEqual(3);
  },
  30_000,
);
