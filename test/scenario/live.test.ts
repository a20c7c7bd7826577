import { describe, expect, it } from "vitest";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { type Program, runProgram, startProgram } from "./program.ts";
import { ask } from "./site.ts";

/** A proxy before an origin of this test, whose `/cookie` nobody may store. */
async function aProxy(settings: Record<string, string> = {}) {
  const { url } = await startOrigin((incoming, response) => {
    response.setHeader("Cache-Control", "max-age=600");
    if (incoming.url?.startsWith("/cookie")) response.setHeader("Set-Cookie", "a=1");
    response.end("x".repeat(2048));
  });
  const program = await startProgram({ ORIGINS: url, ...settings });
  const get = (path: string) =>
    ask(`http://127.0.0.1:${program.port}${path}`, { headers: { Host: "shop.example" } });
  return { program, get, origin: url, admin: `http://127.0.0.1:${program.adminPort}` };
}

const shellOf = (program: Program) => ({ ADMIN_PORT: String(program.adminPort) });

/** Runs one command to its end. */
async function freshline(words: readonly string[], settings: Record<string, string>) {
  const command = runProgram(words, settings);
  return { code: await command.exited, out: command.out(), err: command.err() };
}

type Command = ReturnType<typeof runProgram>;

/** Asks until the command tells of it: when it began to listen nobody says. */
async function askUntilHeard(command: Command, asking: () => Promise<unknown>, heard: RegExp): Promise<void> {
  const wanted = () => `it says ${heard}; it said:\n${command.out()}\n${command.err()}`;
  await until(
    wanted,
    async () => {
      await asking();
      return heard.test(command.out());
    },
    30_000,
  );
}

/** As Ctrl-C ends it: without a complaint. */
async function interrupt(command: Command): Promise<void> {
  command.child.kill("SIGINT");
  expect([await command.exited, command.err()]).toEqual([0, ""]);
}

describe("freshline tail", () => {
  it("shows the answers that its query means, one a line, and ends with Ctrl-C", async () => {
    const { program, get } = await aProxy();
    const tail = runProgram(["tail", "-q", "status=MISS reason=set-cookie"], shellOf(program));
    await askUntilHeard(
      tail,
      async () => {
        await get("/stored");
        await get("/cookie?token=geheim");
      },
      /\n/,
    );
    await interrupt(tail);
    for (const line of tail.out().trimEnd().split("\n")) {
      expect(line).toMatch(
        /^\d\d:\d\d:\d\d\.\d{3} MISS {8}200 +[\d.]+ (µs|ms|s) +2\.00 KiB GET {2}http:\/\/shop\.example\/cookie\?token=\*\*\* set-cookie$/,
      );
    }
  });

  it("tells with --json one object a line, and nothing in colour on a pipe", async () => {
    const { program, get } = await aProxy();
    const tail = runProgram(["tail", "--json"], shellOf(program));
    await askUntilHeard(tail, () => get("/stored"), /"HIT".*\n/s);
    await interrupt(tail);
    const answers = tail
      .out()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(answers.at(-1)).toMatchObject({
      method: "GET",
      url: "http://shop.example/stored",
      host: "shop.example",
      status: 200,
      cache: "HIT",
      hit: true,
      tier: "memory",
      bytes: 2048,
    });
    expect(tail.out()).not.toContain("\x1b");
  });

  it("hears two instances, and says which one answered", async () => {
    const sites = await Promise.all([aProxy(), aProxy()]);
    const words = sites.flatMap(({ admin }) => ["--admin", admin]);
    const tail = runProgram(["tail", ...words, "--json"], {});
    for (const { get, admin } of sites)
      await askUntilHeard(tail, () => get("/both"), new RegExp(`"admin":"${new URL(admin).host}"`));
    await interrupt(tail);
  });

  it("waits for a proxy that goes, and ends with Ctrl-C meanwhile", async () => {
    const { program, get } = await aProxy();
    const tail = runProgram(["tail"], shellOf(program));
    await askUntilHeard(tail, () => get("/stored"), /\n/);
    program.child.kill("SIGTERM");
    await until("it says that the proxy is gone", () => tail.err().includes("is gone; waiting for it"));
    tail.child.kill("SIGINT");
    expect(await tail.exited).toBe(0);
  });

  it("tells what is wrong with a query, and where nobody answers, with exit code 1", async () => {
    const { program } = await aProxy();
    const wrong = await freshline(["tail", "-q", "colour=red"], shellOf(program));
    expect(wrong.code).toBe(1);
    expect(wrong.err).toMatch(
      /answered 400: no field is called colour; .* \(at character 1 of the query\)\n$/,
    );
    const nobody = await freshline(["tail"], { ADMIN_PORT: "1" });
    expect(nobody.code).toBe(1);
    expect(nobody.err).toMatch(/^freshline: no proxy answers at http:\/\/127\.0\.0\.1:1: /);
  });

  it("ends when nobody reads it any more", async () => {
    const { program, get } = await aProxy();
    const tail = runProgram(["tail"], shellOf(program));
    await askUntilHeard(tail, () => get("/stored"), /\n/);
    tail.child.stdout?.destroy();
    let ended = false;
    void tail.exited.then(() => {
      ended = true;
    });
    await until("it has ended", async () => {
      await get("/stored");
      return ended || tail.child.exitCode !== null;
    });
    expect(tail.child.exitCode).toBe(0);
  });
});

describe("freshline top, hist and stat", () => {
  it("show each once with --once, and as JSON with --json", async () => {
    const { program, get, origin } = await aProxy();
    for (let i = 0; i < 3; i++) await get("/stored");
    await get("/cookie");
    const shell = shellOf(program);
    const top = await freshline(["top", "--once"], shell);
    expect(top.code).toBe(0);
    expect(top.out).toMatch(
      new RegExp(
        [
          "^since \\S+",
          "",
          "Hot",
          " +3 {2}http://shop\\.example/stored",
          " +1 {2}http://shop\\.example/cookie",
          "",
          "Missing",
          " +1 {2}http://shop\\.example/cookie {2}set-cookie",
          " +1 {2}http://shop\\.example/stored {2}uri-miss",
          "",
          "Reasons",
          " +1 {2}(uri-miss|set-cookie)",
          " +1 {2}(uri-miss|set-cookie)",
          "",
          "Origins",
          ` +2 {2}${origin} {2}p50 .*s {2}p99 .*s`,
        ].join("\n"),
      ),
    );
    const hist = await freshline(["hist", "--once"], shell);
    expect(hist.out).toMatch(
      /^hits +2 {2}p50 [\d.]+ (µs|ms).*\nmisses +2 .*\norigins +2 .*\n\nhits\n {2}≤ .*█/,
    );
    const stat = await freshline(["stat", "--once"], shell);
    expect(stat.out).toMatch(/^ +total +per second\nrequests +4 +–\nhits +2 +–\nmisses +2 +–\n/);
    const json = JSON.parse((await freshline(["top", "--once", "--json"], shell)).out);
    expect(json.hot[0]).toEqual({ url: "http://shop.example/stored", count: 3 });
  });

  it("go on with a line each second, and end with Ctrl-C", async () => {
    const { program, get } = await aProxy();
    const stat = runProgram(["stat"], shellOf(program));
    await askUntilHeard(stat, () => get("/stored"), /^time .*\n.*\n.* [1-9][\d.]* .*\n/);
    await interrupt(stat);
    const [heading, first] = stat.out().split("\n");
    expect(heading).toMatch(/^time +requests\/s +hits\/s +misses\/s .* memory$/);
    expect(first).toMatch(/^\d\d:\d\d:\d\d +– +– /);
  });

  it("add up what two instances say", async () => {
    const sites = await Promise.all([aProxy(), aProxy()]);
    for (const { get } of sites) await get("/both");
    const words = sites.flatMap(({ admin }) => ["--admin", admin]);
    const top = await freshline(["top", "--once", "--json", ...words], {});
    expect(JSON.parse(top.out).hot).toEqual([{ url: "http://shop.example/both", count: 2 }]);
    const hist = await freshline(["hist", "--once", "--json", ...words], {});
    expect(JSON.parse(hist.out).misses.count).toBe(2);
    const stat = await freshline(["stat", "--once", "--json", ...words, "--admin", "http://127.0.0.1:1"], {});
    expect(JSON.parse(stat.out).total).toMatchObject({ requests: 2, misses: 2 });
    expect(stat.err).toMatch(/^freshline: no proxy answers at http:\/\/127\.0\.0\.1:1: /);
    expect(stat.code).toBe(0);
  });
});

describe("two workers", () => {
  it("are watched and counted as one", async () => {
    const { program, get, admin } = await aProxy({ WORKERS: "2" });
    const tail = runProgram(["tail", "--json", "-q", "hit=true"], shellOf(program));
    await askUntilHeard(tail, () => get("/stored"), /"worker":1.*"worker":2|"worker":2.*"worker":1/s);
    // Who takes a worker's place is told as well who watches.
    const restarted = await ask(`${admin}/restart`, { method: "POST" });
    expect(restarted.status).toBe(200);
    const before = tail.out().length;
    const heardAnew = () => /"worker":1.*"worker":2|"worker":2.*"worker":1/s.test(tail.out().slice(before));
    await until("both are heard", async () => {
      await get("/stored");
      return heardAnew();
    });
    await interrupt(tail);
    const top = (await ask(`${admin}/top`)).json<{ hot: { url: string; count: number }[] }>();
    const stored = top.hot.find(({ url }) => url === "http://shop.example/stored");
    expect(stored?.count).toBeGreaterThanOrEqual(4);
    const hist = (await ask(`${admin}/hist`)).json<{ hits: { count: number } }>();
    expect(hist.hits.count).toBeGreaterThanOrEqual(2);
    const series = async () =>
      (await ask(`${admin}/series?minutes=1`)).json<{ at: number[]; requests: { HIT: number[] } }>();
    await until("a second is over in which there were hits", async () =>
      (await series()).requests.HIT.some((hits) => hits > 0),
    );
  });
});
