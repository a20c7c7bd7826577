import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { asWritten, onPorts, readTours, sleepOf, type Tour } from "../../scripts/tour-script.ts";
import { type Take, take } from "../../scripts/tour-shell.ts";
import { start } from "../../src/start.ts";
import { configFor } from "../config-for.ts";
import { startRedis } from "../redis-server.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const tours = readTours(README);

/** On which ports the README says that proxy and mock origins are. */
const PROXY_PORT = 3000;
const MOCK_PORTS = [4001, 4002, 4003];

/** A command that took this much longer than its sleeps: what is fresh by the second may have aged. */
const STALLED_MS = 500;
const ATTEMPTS = 3;

interface Played {
  readonly written: string[];
  readonly printed: string[];
}

/** The tour before a proxy and origins of its own, as `make run` starts them but for their ports. */
async function runAlone(tour: Tour, redisUrl: string): Promise<Take[]> {
  const mock = await startMockOrigins({ ports: MOCK_PORTS.map(() => 0) });
  const proxy = await start(configFor({ ORIGINS: mock.urls.join(","), REDIS_URL: redisUrl }));
  try {
    if (!proxy.redisAttached()) throw new Error("the proxy runs without its Redis");
    const ports = new Map([[PROXY_PORT, proxy.port]]);
    MOCK_PORTS.forEach((port, at) => void ports.set(port, mock.ports[at]!));
    const takes: Take[] = [];
    for (const { command } of onPorts(tour, ports).steps) takes.push(await take(command));
    return takes;
  } finally {
    await proxy.stop();
    await mock.close();
  }
}

/** Once more when it differs and the machine stalled: then the seconds were not those of the README. */
async function play(tour: Tour, redisUrl: string): Promise<Played> {
  for (let attempt = 1; ; attempt += 1) {
    const takes = await runAlone(tour, redisUrl);
    const written = tour.steps.flatMap(({ command, prints }) => [`$ ${command}`, ...prints]);
    const printed = tour.steps.flatMap(({ command, prints }, at) => [
      `$ ${command}`,
      ...asWritten(prints, takes[at]!.printed),
    ]);
    const stalled = takes.some(({ command, ms }) => ms > sleepOf(command) * 1000 + STALLED_MS);
    const same = written.join("\n") === printed.join("\n");
    if (same || !stalled || attempt === ATTEMPTS) return { written, printed };
  }
}

describe("the README's tour", () => {
  const played = new Map<string, Played>();

  // All at once, since most of a tour is sleep.
  beforeAll(async () => {
    await using redis = await startRedis();
    await Promise.all(tours.map(async (tour) => played.set(tour.name, await play(tour, redis.url))));
  }, 120_000);

  it("shows the three directives, and a write", () => {
    expect(tours.map(({ name }) => name)).toEqual([
      "must-revalidate",
      "stale-while-revalidate",
      "cache-groups",
      "stale-if-error",
    ]);
  });

  it.each(tours.map(({ name }) => name))("prints what it says: %s", (name) => {
    const { written, printed } = played.get(name)!;
    expect(printed).toEqual(written);
  });
});

describe("a tour's text", () => {
  const block = ["```console", "$ one", "a", "b …", "$ two", "```"];
  const text = ["**About** `it`,", "in two lines.", "", "<!-- tour: x -->", ...block, "after"].join("\n");

  it("is commands and what they print", () => {
    const steps = [
      { command: "one", prints: ["a", "b …"] },
      { command: "two", prints: [] },
    ];
    expect(readTours(text)).toEqual([{ name: "x", about: "About it, in two lines.", steps }]);
  });

  it.each([
    ["a comment without its block", ["<!-- tour: x -->", "", ...block], "line 1: no console block follows"],
    ["a block without an end", ["<!-- tour: x -->", ...block.slice(0, -1)], "line 1: its block does not end"],
    [
      "a block without commands",
      ["<!-- tour: x -->", "```console", "```"],
      "line 1: a block without commands",
    ],
    ["text before a command", ["<!-- tour: x -->", "```console", "a", "```"], "line 3: a block begins"],
    ["a name twice", [text, text], "line 15: a second tour named x"],
  ])("is refused with %s", (_, lines, message) => {
    expect(() => readTours(lines.join("\n"))).toThrow(message);
  });

  it("has other ports where other ports are in use, and nothing else", () => {
    const [tour] = readTours(
      text.replace("$ one", "$ curl localhost:3000/data?id=3000 127.0.0.1:4001 :3000"),
    );
    expect(onPorts(tour!, new Map([[3000, 5]])).steps[0]?.command).toBe(
      "curl localhost:5/data?id=3000 127.0.0.1:4001 :3000",
    );
  });

  it("fits what was printed where … stands, and only there", () => {
    const written = ['{"a":"…"}', "Age: 6", "x.y"];
    expect(asWritten(written, ['{"a":"17"}', "Age: 6", "x.y"])).toEqual(written);
    expect(asWritten(written, ['{"b":"17"}', "Age: 60", "xzy", "more"])).toEqual([
      '{"b":"17"}',
      "Age: 60",
      "xzy",
      "more",
    ]);
  });
});

describe("the README's pictures", () => {
  const shown = [...README.matchAll(/!\[([^\]]*)\]\((assets\/[^)]+)\)/g)];

  it("are all there, and all are shown, with a text for who cannot see them", () => {
    expect(shown.map(([, , path]) => path).sort()).toEqual(
      readdirSync(join(ROOT, "assets"))
        .map((name) => `assets/${name}`)
        .sort(),
    );
    for (const [, alternative] of shown) expect(alternative?.length).toBeGreaterThan(20);
  });

  it("need nothing from elsewhere, and are small", () => {
    for (const [, , path] of shown) {
      const picture = readFileSync(join(ROOT, path!), "utf8");
      expect(picture.length).toBeLessThan(200_000);
      expect(picture).not.toMatch(/href|src=|url\(|@import|<script/);
    }
  });
});
