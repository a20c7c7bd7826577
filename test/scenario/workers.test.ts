import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { freePort } from "../free-port.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { type Program, runProgram, startProgram } from "./program.ts";
import { type Ask, ask, IN_TIME } from "./site.ts";
import { load } from "./steady-load.ts";

const redis = await redisOfFile();
let namespaces = 0;
const withRedis = () => ({ REDIS_URL: redis.url, CACHE_NAMESPACE: `workers${++namespaces}` });

interface Workers {
  readonly running: number;
  readonly died: number;
  readonly pids: readonly number[];
}

/** Two workers before an origin of this test, which says what `body` does. */
async function startWorkers(settings: Partial<Record<SettingName, string>> = {}) {
  const state = { body: "one", asked: 0, reached: 0, checks: 0, health: 200 };
  const answer = (incoming: IncomingMessage, response: ServerResponse) => {
    if (incoming.url === "/healthy") {
      state.checks++;
      response.statusCode = state.health;
      response.end();
      return;
    }
    state.reached++;
    response.setHeader("Cache-Control", "max-age=600");
    response.end(state.body);
  };
  const { url } = await startOrigin(answer);
  const program = await startProgram({
    WORKERS: "2",
    ORIGINS: url,
    LOG_FORMAT: "json",
    HEALTH_CHECK_PATH: "/healthy",
    ...IN_TIME,
    ...settings,
  });
  const get = (path: string, how?: Ask) => {
    state.asked++;
    return ask(`http://127.0.0.1:${program.port}${path}`, how);
  };
  return { program, state, get, origin: url, ...adminOf(program) };
}

function adminOf(program: Program) {
  const admin = (path: string, how?: Ask) => ask(`http://127.0.0.1:${program.adminPort}${path}`, how);
  const stats = async () => (await admin("/stats")).json<Record<string, number> & { workers: Workers }>();
  return {
    admin,
    stats,
    workers: async () => (await stats()).workers,
    purge: async (body: object) =>
      (await admin("/purge", { method: "POST", body: JSON.stringify(body) })).json(),
  };
}

/** The workers that answered requests, by the log. */
const answered = (program: Program) =>
  new Set(program.lines().flatMap(({ msg, worker }) => (msg === "request" ? [worker] : [])));

/** Asks on new connections until each of so many workers has answered from its cache. */
async function fillAll(
  site: Pick<Awaited<ReturnType<typeof startWorkers>>, "program" | "get">,
  path: string,
) {
  const hits = () =>
    new Set(
      site.program
        .lines()
        .flatMap((line) => (line["path"] === path && line["cache"] === "HIT" ? [line["worker"]] : [])),
    );
  await until("both workers answer from their caches", async () => {
    await site.get(path);
    return hits().size === 2;
  });
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a start with two workers", () => {
  it("says where it is once, and both answer", async () => {
    const site = await startWorkers();
    await fillAll(site, "/a");
    expect(answered(site.program)).toEqual(new Set([1, 2]));
    expect(site.program.out().match(/^Freshline on .*$/gm)).toEqual([
      `Freshline on http://localhost:${site.program.port} → ${site.origin} (2 workers)`,
    ]);
    expect(site.program.out()).toContain(
      "No REDIS_URL is set: each worker has a cache of its own, in memory.\n",
    );
    const { pids } = await site.workers();
    expect(new Set([...pids, site.program.child.pid]).size).toBe(3);
  });

  it("checks an origin once for both, and both hear of it", async () => {
    const { state, admin, get } = await startWorkers({ HEALTH_CHECK_INTERVAL: "1h" });
    expect(state.checks).toBe(1);
    expect((await admin("/health/ready")).json()).toEqual({ ready: true, detail: "ok" });
    expect((await get("/a")).status).toBe(200);
  });

  it("lets both hear that an origin is ill, and that it is well again", async () => {
    const { state, program, admin, get } = await startWorkers({ HEALTH_CHECK_INTERVAL: "50ms" });
    const statuses = async (n: number) => {
      const answers = await Promise.all(Array.from({ length: n }, (_, i) => get(`/${Math.random()}-${i}`)));
      return new Set(answers.map(({ status }) => status));
    };
    const all = (status: number) => async () => {
      const said = await statuses(10);
      return said.size === 1 && said.has(status);
    };
    state.health = 503;
    await until("nobody asks the origin", all(502));
    expect((await admin("/health/ready")).status).toBe(503);
    state.health = 200;
    await until("all ask the origin", all(200));
    const told = () =>
      program
        .lines()
        .map(({ msg }) => `${msg}`)
        .filter((msg) => /^origin (un)?healthy$/.test(msg));
    await until("the log has both lines", () => told().length >= 2);
    expect(told()).toEqual(["origin unhealthy", "origin healthy"]);
  });

  it("gives each worker its share of the memory", async () => {
    const site = await startWorkers({ CACHE_MEMORY_BYTES: "2MiB" });
    await site.program.says(`"max_object_bytes":${(1024 * 1024) / 8},`);
  });

  it("fetches what is to be warm into the memory of both", async () => {
    const site = await startWorkers({ WARM_URLS: "/warm" });
    const warmed = () => site.program.lines().filter(({ msg }) => msg === "warmed");
    await until("both are warm", () => warmed().length === 2);
    expect(
      warmed()
        .map(({ worker }) => worker)
        .sort(),
    ).toEqual([1, 2]);
    const answer = await site.admin("/warm", { method: "POST", body: '{"urls":["/later"]}' });
    expect(answer.json()).toEqual({ requested: 1, warmed: 1, failed: [] });
    expect((await site.stats())["entries"]).toBe(4);
  });

  it("explains a URL for both, and says who has it", async () => {
    const site = await startWorkers();
    await site.get("/explained");
    const url = `http://127.0.0.1:${site.program.port}/explained`;
    const explain = async (more: Record<string, string> = {}) =>
      (await site.admin(`/explain?${new URLSearchParams({ url, ...more })}`)).json<{
        next: { reason: string };
        instances: { instance: string; tier: string[] }[];
        fetched?: { would: string };
      }>();
    await until("one has it", async () => (await explain()).next.reason === "fresh");
    const { instances } = await explain();
    expect(instances.map(({ tier }) => tier.join()).sort()).toEqual(["", "memory"]);
    expect(instances.every(({ instance }) => /^worker \d/.test(instance))).toBe(true);
    const before = site.state.reached;
    expect((await explain({ fetch: "1" })).fetched?.would).toBe("be stored");
    expect(site.state.reached).toBe(before + 1);
  });

  it("refuses a connection more than there may be, and does not hand it about", async () => {
    const { program } = await startWorkers({ MAX_CONNECTIONS: "2" });
    const sockets = Array.from({ length: 6 }, () => connect(program.port, "127.0.0.1"));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    let refused = 0;
    for (const socket of sockets)
      socket
        .on("error", () => {})
        .on("close", () => refused++)
        .resume();
    await until("all but one of each worker are refused", () => refused === 4);
  });

  it.each(["port", "admin port"])("on a taken %s says so in a sentence, and leaves nobody", async (which) => {
    const { port: taken } = await startOriginPort();
    const free = await freePort();
    const [port, adminPort] = which === "port" ? [taken, free] : [free, taken];
    const { url } = await startOrigin((_, response) => response.end());
    const ports = { PORT: `${port}`, ADMIN_PORT: `${adminPort}` };
    const program = runProgram([], { WORKERS: "3", HOST: "127.0.0.1", ORIGINS: url, ...ports });
    expect(await program.exited).toBe(1);
    const [flag, name] = which === "port" ? ["--port", "PORT"] : ["--admin-port", "ADMIN_PORT"];
    expect(program.err()).toBe(
      `freshline: ${which} ${taken} is taken; choose another with ${flag} or ${name}\n`,
    );
    expect(program.out()).toBe("");
  });

  it.each(["0", "many", "257", "1.5"])("refuses WORKERS=%s with one message", async (WORKERS) => {
    const program = runProgram([], { WORKERS, ORIGINS: "http://127.0.0.1:1" });
    expect(await program.exited).toBe(1);
    expect(program.err()).toBe(
      `freshline: 1 setting is wrong:\n  WORKERS: "${WORKERS}" is not a number; expected an integer from 1 to 256, or auto\n`,
    );
  });
});

async function startOriginPort() {
  const { url } = await startOrigin((_, response) => response.end());
  return { port: Number(new URL(url).port) };
}

describe("a purge with two workers", () => {
  it.each(["without", "with"])("%s Redis reaches both, and its receipt says so", async (way) => {
    const site = await startWorkers(way === "with" ? withRedis() : {});
    await fillAll(site, "/a");
    site.state.body = "two";
    const host = `127.0.0.1:${site.program.port}`;
    const receipt = await site.purge({ urls: [`http://${host}/a`] });
    expect(receipt).toMatchObject({ shared: true, instances: 2, acked: 2, missing: [] });
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await site.get("/a")).text));
    expect(new Set(bodies)).toEqual(new Set(["two"]));
    // One worker tells of it for both: each record once.
    const told = () => site.program.lines().flatMap(({ msg, epoch }) => (msg === "purged" ? [epoch] : []));
    await until("it is told", () => told().length > 0);
    expect(new Set(told()).size).toBe(told().length);
  });

  it("reaches both when it is an unsafe request's", async () => {
    const site = await startWorkers();
    await fillAll(site, "/a");
    site.state.body = "two";
    expect((await site.get("/a", { method: "PUT", body: "x" })).status).toBe(200);
    await until("both have the new one", async () => {
      const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await site.get("/a")).text));
      return bodies.every((body) => body === "two");
    });
  });

  it("waits for nobody who is gone, and reaches who came after", async () => {
    const site = await startWorkers();
    const [first = 0] = (await site.workers()).pids;
    process.kill(first, "SIGKILL");
    await site.program.says("a worker was replaced");
    await fillAll(site, "/a");
    site.state.body = "two";
    expect(await site.purge({ everything: true })).toMatchObject({ instances: 2, acked: 2 });
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await site.get("/a")).text));
    expect(new Set(bodies)).toEqual(new Set(["two"]));
  });

  it("says who has not heard of it", async () => {
    const site = await startWorkers({ PURGE_ACK_TIMEOUT: "2s" });
    const { pids } = await site.workers();
    process.kill(pids[1] as number, "SIGSTOP");
    onTestFinished(() => void (isAlive(pids[1] as number) && process.kill(pids[1] as number, "SIGKILL")));
    const receipt = await site.purge({ everything: true });
    expect(receipt).toMatchObject({ instances: 2, acked: 1, missing: [`worker 2 (pid ${pids[1]})`] });
    process.kill(pids[1] as number, "SIGCONT");
    const later = await site.purge({ everything: true });
    expect(later).toMatchObject({ instances: 2, acked: 2 });
  });
});

describe("a worker that hangs", () => {
  /** The first of two stands still. */
  async function startHanging(settings: Parameters<typeof startWorkers>[0]) {
    const site = await startWorkers({ PURGE_ACK_TIMEOUT: "2s", ...settings });
    await fillAll(site, "/a");
    const [first = 0, second = 0] = (await site.workers()).pids;
    process.kill(first, "SIGSTOP");
    onTestFinished(() => void (isAlive(first) && process.kill(first, "SIGKILL")));
    return { ...site, first, second };
  }

  it("keeps no purge and no explanation from the other", async () => {
    const { purge, admin, program, first } = await startHanging({});
    const receipt = await purge({ everything: true });
    expect(receipt).toMatchObject({ instances: 2, acked: 1, missing: [`worker 1 (pid ${first})`] });
    const url = `http://127.0.0.1:${program.port}/a`;
    const said = await admin(`/explain?${new URLSearchParams({ url, fetch: "1" })}`);
    expect(said.json()).toMatchObject({
      fetched: { would: "be stored" },
      instances: [{ answered: false }, { answered: true }],
    });
  });

  it("keeps nobody from a look into the Redis that they share, nor from fetching into it", async () => {
    const { admin } = await startHanging(withRedis());
    expect((await admin("/entries?tier=redis")).json()).toMatchObject({ tier: "redis", cursor: null });
    expect((await admin("/store")).status).toBe(200);
    const warmed = await admin("/warm", { method: "POST", body: '{"urls":["/later"]}' });
    expect(warmed.json()).toEqual({ requested: 1, warmed: 1, failed: [] });
  });

  it("is ended and replaced when it has not answered for WORKER_TIMEOUT, and is told and counted", async () => {
    const { program, admin, workers, first, second } = await startHanging({ WORKER_TIMEOUT: "1s" });
    await program.says("a worker was replaced");
    const [hangs, died] = program.lines().filter(({ level }) => level === "error");
    expect(hangs).toMatchObject({ msg: "a worker hangs, and is ended", worker: 1, pid: first });
    expect(died).toMatchObject({ msg: "a worker died", pid: first, ending: "was ended by SIGKILL" });
    const { pids, died: deaths } = await workers();
    expect([pids.length, pids.includes(first), pids.includes(second), deaths]).toEqual([2, false, true, 1]);
    expect((await admin("/metrics")).text).toContain("freshline_worker_deaths_total 1");
  });
});

describe("what two workers count", () => {
  const count = (text: string, name: string) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(name))
      .reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);

  it("is told as one, and does not fall when they are replaced", async () => {
    const site = await startWorkers();
    await fillAll(site, "/a");
    const asked = site.state.asked;
    const before = await site.stats();
    expect(before).toMatchObject({ requests: asked, misses: 2, entries: 2, stored: 2 });
    expect(before["hit_rate"]).toBeCloseTo((asked - 2) / asked);
    const text = (await site.admin("/metrics")).text;
    expect(count(text, "freshline_requests_total")).toBe(asked);
    expect(count(text, "freshline_request_duration_seconds_count")).toBe(asked);
    expect(count(text, "freshline_entries")).toBe(2);
    expect(count(text, "freshline_origin_healthy")).toBe(1);
    expect(count(text, "freshline_workers")).toBe(2);

    // What nobody has read yet is not lost either.
    for (let i = 0; i < 4; i++) await site.get("/a");
    expect((await site.admin("/restart", { method: "POST" })).json()).toEqual({ restarted: 2 });
    const after = await site.stats();
    expect(after).toMatchObject({ requests: asked + 4, misses: 2, entries: 0, stored: 2 });
    expect(after.workers.pids.filter((pid) => before.workers.pids.includes(pid))).toEqual([]);
    const later = (await site.admin("/metrics")).text;
    expect(count(later, "freshline_requests_total")).toBe(asked + 4);
    expect(count(later, "freshline_entries")).toBe(0);
    expect(count(later, "freshline_worker_deaths_total")).toBe(0);
  });

  it("stays at what a worker said last when that one is killed", async () => {
    const site = await startWorkers();
    await fillAll(site, "/a");
    const before = await site.stats();
    process.kill(before.workers.pids[0] as number, "SIGKILL");
    await site.program.says("a worker was replaced");
    const after = await site.stats();
    expect(after).toMatchObject({ requests: before["requests"], misses: 2, entries: 1 });
    expect(after.workers).toMatchObject({ running: 2, died: 1 });
  });
});

describe("a worker that is killed", () => {
  it("is replaced, is told, and the other goes on meanwhile", async () => {
    const site = await startWorkers();
    const { pids } = await site.workers();
    process.kill(pids[0] as number, "SIGKILL");
    await site.program.says("a worker died");
    for (let i = 0; i < 20; i++) expect((await site.get(`/${i}`)).status).toBe(200);
    await site.program.says("a worker was replaced");
    const died = site.program.lines().find(({ msg }) => msg === "a worker died");
    expect(died).toMatchObject({ level: "error", worker: 1, pid: pids[0], ending: "was ended by SIGKILL" });
    const { pids: now } = await site.workers();
    expect(now).toHaveLength(2);
    expect(now).toContain(pids[1]);
    expect(now).not.toContain(pids[0]);
    await fillAll(site, "/again");
  });

  it("leaves no client waiting whose connection was on its way to it", async () => {
    const site = await startWorkers();
    const { pids } = await site.workers();
    process.kill(pids[0] as number, "SIGSTOP");
    let ended = 0;
    const asking = Array.from({ length: 20 }, async (_, i) => {
      const answer = await site.get(`/${i}`).catch(() => undefined);
      ended++;
      return answer?.status;
    });
    await until("one alone waits for the worker that hangs", () => ended === 19);
    process.kill(pids[0] as number, "SIGKILL");
    const statuses = await Promise.all(asking);
    expect(statuses.filter((status) => status === 200)).toHaveLength(19);
    expect(statuses.filter((status) => status === undefined)).toHaveLength(1);
  });

  it("again and again is replaced later each time, while the other goes on", async () => {
    const site = await startWorkers();
    const rests = () => site.program.lines().flatMap((line) => ("rest_ms" in line ? [line["rest_ms"]] : []));
    for (const n of [1, 2, 3]) {
      const { pids } = await site.workers();
      process.kill(pids[1] as number, "SIGKILL");
      await until(`it has died ${n} times`, () => rests().length === n);
      expect((await site.get("/a")).status).toBe(200);
      await until("there are two again", async () => (await site.workers()).running === 2);
    }
    expect(rests()).toEqual([100, 200, 400]);
  });
});

describe("a rolling restart", () => {
  it.each(["POST /restart", "freshline restart", "SIGUSR2"])(
    "by %s under load loses no request",
    async (how) => {
      const site = await startWorkers();
      const { pids } = await site.workers();
      const under = load(site.program.port);
      await until("there is load", () => under.answers() > 50);
      if (how === "SIGUSR2") site.program.child.kill("SIGUSR2");
      else if (how === "POST /restart") await site.admin("/restart", { method: "POST" });
      else {
        const command = runProgram(["restart"], { ADMIN_PORT: String(site.program.adminPort) });
        expect([await command.exited, command.out()]).toEqual([0, "restarted 2 workers\n"]);
      }
      await site.program.says('"msg":"restarted"');
      await under.stop();
      expect(under.lost).toEqual([]);
      const { pids: now, died } = await site.workers();
      expect(now.filter((pid) => pids.includes(pid))).toEqual([]);
      expect(died).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
    },
  );

  it("with one process alone is refused", async () => {
    const site = await startWorkers({ WORKERS: "1" });
    const answer = await site.admin("/restart", { method: "POST" });
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({ code: "one_process" });
    const command = runProgram(["restart"], { ADMIN_PORT: String(site.program.adminPort) });
    expect(await command.exited).toBe(1);
    expect(command.err()).toContain("answered 409: WORKERS is 1");
    expect((await site.stats()).workers).toBeUndefined();
  });
});

describe("the end of two workers", () => {
  /** An origin whose answers wait for the test. */
  async function startSlow(settings: Partial<Record<SettingName, string>> = {}) {
    const waiting: ServerResponse[] = [];
    const { url } = await startOrigin((_, response) => waiting.push(response));
    const program = await startProgram({ WORKERS: "2", ORIGINS: url, LOG_FORMAT: "json", ...settings });
    return { program, waiting, ...adminOf(program) };
  }

  it("by SIGTERM lets requests of both end, refuses new ones, and exits 0", async () => {
    const { program, waiting, workers } = await startSlow();
    const { pids } = await workers();
    const asking = Array.from({ length: 20 }, (_, i) => ask(`http://127.0.0.1:${program.port}/${i}`));
    await until("all are at the origin", () => waiting.length === 20);
    program.child.kill("SIGTERM");
    await program.says('"stopping"');
    await until("connections are refused", async () => {
      const socket = connect(program.port, "127.0.0.1");
      const error = await once(socket, "connect").then(
        () => undefined,
        (reason: NodeJS.ErrnoException) => reason.code,
      );
      socket.destroy();
      return error === "ECONNREFUSED";
    });
    for (const response of waiting) response.end("done");
    expect((await Promise.all(asking)).map(({ text }) => text)).toEqual(Array(20).fill("done"));
    expect(await program.exited).toBe(0);
    expect(answered(program)).toEqual(new Set([1, 2]));
    expect(pids.filter(isAlive)).toEqual([]);
    expect(program.lines().filter(({ level }) => level === "error")).toEqual([]);
  });

  it("by a signal to all of its processes is the same", async () => {
    const { program, waiting, workers } = await startSlow();
    const { pids } = await workers();
    const asking = Array.from({ length: 10 }, (_, i) => ask(`http://127.0.0.1:${program.port}/${i}`));
    await until("all are at the origin", () => waiting.length === 10);
    for (const pid of [...pids, program.child.pid as number]) process.kill(pid, "SIGINT");
    await program.says('"stopping"');
    for (const response of waiting) response.end("done");
    expect((await Promise.all(asking)).map(({ text }) => text)).toEqual(Array(10).fill("done"));
    expect(await program.exited).toBe(0);
  });

  it("cuts after SHUTDOWN_TIMEOUT what does not end", async () => {
    const { program, waiting } = await startSlow({ SHUTDOWN_TIMEOUT: "300ms" });
    const asking = ask(`http://127.0.0.1:${program.port}/never`, { method: "POST" });
    asking.catch(() => {});
    await until("it is at the origin", () => waiting.length === 1);
    program.child.kill("SIGTERM");
    expect(await program.exited).toBe(0);
    await expect(asking).rejects.toThrow();
  });

  it("comes at once when it is asked for twice, and when its first process is killed", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const { program, waiting, workers } = await startSlow({ SHUTDOWN_TIMEOUT: "1h" });
      const { pids } = await workers();
      const asking = ask(`http://127.0.0.1:${program.port}/never`);
      asking.catch(() => {});
      await until("it is at the origin", () => waiting.length === 1);
      if (signal === "SIGTERM") {
        program.child.kill("SIGTERM");
        await program.says('"stopping"');
      }
      program.child.kill(signal);
      expect(await program.exited).toBe(signal === "SIGTERM" ? 130 : "SIGKILL");
      await until("no worker is left", () => !pids.some(isAlive));
    }
  });
});

describe("the log of two workers", () => {
  it("has whole lines, however long and however slow its reader", async () => {
    const site = await startWorkers();
    const long = "x".repeat(6000);
    const paths = Array.from({ length: 200 }, (_, i) => `/${i}-${long}`);
    // What both have to say meanwhile is more than a pipe holds.
    site.program.child.stdout?.pause();
    await Promise.all(paths.map((path) => site.get(path)));
    site.program.child.stdout?.resume();
    const lines = () => site.program.lines().filter(({ msg }) => msg === "request");
    await until("all are told", () => lines().length === paths.length);
    expect(new Set(lines().map((line) => line["path"]))).toEqual(new Set(paths));
    expect(answered(site.program)).toEqual(new Set([1, 2]));
  });
});
