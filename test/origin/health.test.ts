import { describe, expect, it, onTestFinished } from "vitest";
import { createHealthChecks, type HealthOptions } from "../../src/origin/health.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { answering, type RawServer, rawServer } from "./raw-server.ts";

function checksOf(origins: readonly string[], options: Partial<HealthOptions> = {}) {
  const results: [origin: string, healthy: boolean, detail: string][] = [];
  const checks = createHealthChecks(
    origins,
    {
      healthCheckPath: "/health-check?deep=1",
      healthCheckIntervalMs: 10_000,
      healthCheckTimeoutMs: 10_000,
      maxHeaderBytes: 16_384,
      every: () => () => {},
      ...options,
    },
    (...[origin, healthy, detail]) => results.push([origin, healthy, detail]),
  );
  onTestFinished(() => checks.close());
  return { checks, results };
}
const status = (code: number) => answering(`HTTP/1.1 ${code} x\r\nContent-Length: 0\r\n\r\n`);

describe("an origin", () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [401, true],
    [404, true],
    [405, true],
    [429, true],
    [500, false],
    [501, true],
    [502, false],
    [503, false],
    [504, false],
  ])("that answers its check with %i: healthy is %s", async (code, healthy) => {
    const server = await status(code);
    const { checks, results } = checksOf([server.url]);
    await checks.ready;
    expect(results).toEqual([[server.url, healthy, `answered ${code}`]]);
  });

  it("that refuses, hangs up or talks nonsense is unhealthy", async () => {
    const refusing = `http://127.0.0.1:${await freePort()}`;
    const hanging = await rawServer(({ socket }) => socket.destroy());
    const nonsense = await answering("hello\r\n\r\n");
    const { checks, results } = checksOf([refusing, hanging.url, nonsense.url]);
    await checks.ready;
    const byOrigin = new Map(results.map(([origin, healthy]) => [origin, healthy]));
    expect([refusing, hanging.url, nonsense.url].map((origin) => byOrigin.get(origin))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("that does not answer in time is unhealthy", async () => {
    const server = await answering("");
    const { checks, results } = checksOf([server.url], { healthCheckTimeoutMs: 50 });
    await checks.ready;
    expect(results).toEqual([[server.url, false, "no answer within 50 ms"]]);
  });

  it("whose check has a body that is endless or breaks off is judged by the status", async () => {
    const endless = await rawServer(({ socket }) => {
      const block = Buffer.alloc(65_536);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const pump = () => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on("drain", pump);
      pump();
    });
    const broken = await rawServer(({ socket }) =>
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
    );
    const { checks, results } = checksOf([endless.url, broken.url], { healthCheckTimeoutMs: 60_000 });
    await checks.ready;
    expect(results.map(([, healthy]) => healthy)).toEqual([true, true]);
    await until("the endless one is left", () => endless.connections[0]?.socket.destroyed === true);
  });

  it("is asked with GET, the path as it is set, its own Host and nothing else", async () => {
    const server = await status(200);
    await checksOf([server.url]).checks.ready;
    expect(server.connections[0]?.received()).toBe(
      `GET /health-check?deep=1 HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\n\r\n`,
    );
  });
});

describe("checks", () => {
  it("of all origins run at the same time", async () => {
    const waiting: (() => void)[] = [];
    const together: RawServer[] = [];
    for (let i = 0; i < 3; i++) {
      together.push(
        await rawServer(({ socket }) => {
          waiting.push(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
          // Nobody is answered before everybody is asked.
          if (waiting.length === 3) for (const answer of waiting) answer();
        }),
      );
    }
    const { checks, results } = checksOf(together.map(({ url }) => url));
    await checks.ready;
    expect(results.map(([, healthy]) => healthy)).toEqual([true, true, true]);
  });

  it("of one origin never overlap", async () => {
    const waiting: (() => void)[] = [];
    const server = await rawServer(({ socket }) => {
      waiting.push(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    });
    const { checks, results } = checksOf([server.url]);
    const more = [checks.checkAll(), checks.checkAll()];
    await until("the first check is there", () => waiting.length === 1);
    waiting[0]?.();
    await Promise.all([checks.ready, ...more]);
    expect(results).toHaveLength(1);
    const next = checks.checkAll();
    await until("the next check is there", () => waiting.length === 2);
    waiting[1]?.();
    await next;
    expect(results).toHaveLength(2);
  });

  it("come again at the interval, and end with close", async () => {
    const server = await status(200);
    const ticks: (() => void)[] = [];
    let stopped = false;
    const { checks, results } = checksOf([server.url], {
      healthCheckIntervalMs: 1234,
      every: (ms, task) => {
        expect(ms).toBe(1234);
        ticks.push(task);
        return () => {
          stopped = true;
        };
      },
    });
    await checks.ready;
    ticks[0]?.();
    await until("the second result is there", () => results.length === 2);
    await checks.close();
    expect(stopped).toBe(true);
    ticks[0]?.();
    await checks.checkAll();
    expect(results).toHaveLength(2);
  });

  it("that close cuts off say nothing about the origin", async () => {
    const server = await answering("");
    const { checks, results } = checksOf([server.url]);
    await until("the check is there", () => server.connections.length === 1);
    await checks.close();
    await checks.ready;
    expect(results).toEqual([]);
  });
});
