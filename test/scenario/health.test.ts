import { expect, it, onTestFinished } from "vitest";
import { type MockOrigins, startMockOrigins } from "../../mock-origin/start.ts";
import { createLogger } from "../../src/observe/log.ts";
import { startOrigin } from "./own-origin.ts";
import { ask, type Site, startSite } from "./site.ts";

interface Origin {
  healthy: boolean;
  since: string;
  last_check: string | null;
  detail: string;
  in_flight: number;
}

const SOON = { HEALTH_CHECK_INTERVAL: "50ms" };

const originsOf = async (site: Site): Promise<Origin[]> =>
  Object.values((await site.admin("/origins")).json<Record<string, Origin>>());

const healthOf = async (site: Site) => (await originsOf(site)).map(({ healthy }) => healthy);

const changes = (site: Site) => site.events.filter((event) => event.type === "origin-health");

/** What one port was asked, health checks excepted. */
const askedOf = async (site: Site, index: number): Promise<number> =>
  (await site.origin("/counts", {}, index)).json<{ total: number }>().total;

/** Requests that no cache answers. */
async function askUncached(site: Site, n: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < n; i++) statuses.push((await site.get(`/data?id=${i}&cache-control=no-store`)).status);
  return statuses;
}

const behaveOne = (site: Site, index: number, behavior: object) =>
  site.origin("/behavior", { method: "PUT", body: JSON.stringify(behavior) }, index);

it("every origin is asked at /health-check again and again, and the map shows what it said", async () => {
  const site = await startSite({ origins: 3, settings: SOON });
  const shown = (await site.admin("/origins")).json<Record<string, Origin>>();
  expect(Object.keys(shown)).toEqual(site.mock.urls);
  for (const origin of Object.values(shown)) {
    expect(origin).toEqual({
      healthy: true,
      state: "up",
      since: expect.stringMatching(/^\d{4}-/),
      last_check: expect.stringMatching(/^\d{4}-/),
      detail: "answered 200",
      in_flight: 0,
      ejected: false,
      breaker_open: false,
      history: [],
    });
  }
  for (const index of [0, 1, 2]) {
    await site.until("it has been asked three times", async () => {
      const counts = (await site.origin("/counts", {}, index)).json<{ health_checks: number }>();
      return counts.health_checks >= 3;
    });
  }
  expect(changes(site)).toEqual([]);
});

it("the checks follow HEALTH_CHECK_PATH, and a server without that path is healthy while it answers", async () => {
  const origin = await startOrigin((request, response) => response.writeHead(404).end(request.url));
  const settings = { ORIGINS: origin.url, HEALTH_CHECK_PATH: "/up?deep=1" };
  const site = await startSite({ settings });
  expect(origin.requests.map(({ url }) => url)).toEqual(["/up?deep=1"]);
  expect(await originsOf(site)).toMatchObject([{ healthy: true, detail: "answered 404" }]);
});

it("requests are spread evenly over the healthy origins", async () => {
  const site = await startSite({ origins: 3 });
  await askUncached(site, 30);
  expect(await Promise.all([0, 1, 2].map((index) => askedOf(site, index)))).toEqual([10, 10, 10]);
});

it("an unhealthy origin gets no requests, and gets them again after its next good check", async () => {
  const site = await startSite({ origins: 3, settings: SOON });
  await behaveOne(site, 1, { healthy: false });
  await site.until("it is out", async () => (await healthOf(site))[1] === false);
  expect((await originsOf(site))[1]).toMatchObject({ healthy: false, detail: "answered 503" });
  await askUncached(site, 20);
  expect(await Promise.all([0, 1, 2].map((index) => askedOf(site, index)))).toEqual([10, 0, 10]);

  await behaveOne(site, 1, { healthy: true });
  await site.until("it is back", async () => (await healthOf(site))[1] === true);
  await askUncached(site, 30);
  expect(await askedOf(site, 1)).toBe(10);
});

it("a changed health state is one event and one log line, however many checks say the same", async () => {
  const site = await startSite({ origins: 2, settings: SOON });
  const origin = site.mock.urls[0];
  await behaveOne(site, 0, { healthy: false });
  const checked = async (n: number) => {
    const before = (await site.counts()).health_checks;
    await site.until("more checks were made", async () => (await site.counts()).health_checks >= before + n);
  };
  await checked(8);
  await behaveOne(site, 0, { healthy: true });
  await checked(8);
  expect(changes(site)).toEqual([
    { type: "origin-health", origin, healthy: false, detail: "answered 503" },
    { type: "origin-health", origin, healthy: true, detail: "answered 200" },
  ]);
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    format: "json",
    destination: { write: (line) => lines.push(line) },
  });
  for (const event of site.events) log.listen(event);
  await log.close();
  expect(
    lines.filter((line) => line.includes('"msg":"origin ')).map((line) => JSON.parse(line)),
  ).toMatchObject([
    { level: "warn", origin, msg: "origin unhealthy" },
    { level: "info", origin, msg: "origin healthy" },
  ]);
});

/** A site with two origins, the second of which can be taken away and brought back. */
async function siteWithAnother(settings: object = {}): Promise<{ site: Site; another: MockOrigins }> {
  const first = await startMockOrigins({ ports: [0] });
  const another = await startMockOrigins({ ports: [0] });
  onTestFinished(async () => void (await Promise.all([first.close(), another.close()])));
  const ORIGINS = [...first.urls, ...another.urls].join(",");
  return { site: await startSite({ settings: { ORIGINS, ...settings } }), another };
}

it("an origin that refuses a connection is out at once, and no client sees it", async () => {
  const { site, another } = await siteWithAnother();
  await another.close();
  expect(await askUncached(site, 10)).toEqual(Array(10).fill(200));
  expect(changes(site)).toMatchObject([{ origin: another.urls[0], healthy: false }]);
  expect(site.events.filter((event) => event.type === "origin-failed")).toMatchObject([{ code: "refused" }]);
  expect((await originsOf(site))[1]).toMatchObject({ healthy: false, detail: "refused a connection" });
});

it("an origin that refused is back after its next good check", async () => {
  const { site, another } = await siteWithAnother(SOON);
  await another.close();
  await askUncached(site, 4);
  expect(await healthOf(site)).toEqual([true, false]);
  const back = await startMockOrigins({ ports: another.ports });
  onTestFinished(() => back.close());
  await site.until("it is back", async () => (await healthOf(site))[1] === true);
  await askUncached(site, 10);
  expect((await ask(`${back.urls[0]}/counts`)).json()).toMatchObject({ total: 5 });
  expect(changes(site)).toHaveLength(2);
});

it.each(["GET", "HEAD"])(
  "a %s that failed before any byte came is tried once on another origin",
  async (method) => {
    const site = await startSite({ origins: 2 });
    await behaveOne(site, 0, { cut_before_head: true });
    for (let i = 0; i < 4; i++) {
      const answer = await site.ask(`/data?id=${i}&cache-control=no-store`, { method });
      expect(answer.status).toBe(200);
    }
    const asked = await Promise.all([0, 1].map((index) => askedOf(site, index)));
    expect(asked[1]).toBe(4);
    expect(asked[0]).toBeGreaterThan(0);
  },
);

it("it is tried once, and not on every origin there is", async () => {
  const site = await startSite({ origins: 3 });
  await site.behave({ cut_before_head: true });
  expect((await site.get("/data?id=1")).status).toBe(502);
  expect((await site.counts()).total).toBe(2);
});

it.each(["POST", "PUT", "PATCH", "DELETE"])("a %s is never tried twice", async (method) => {
  const site = await startSite({ origins: 2 });
  await site.behave({ cut_before_head: true });
  const answer = await site.ask("/echo", { method, body: "once", headers: { "Content-Length": "4" } });
  expect(answer.status).toBe(502);
  expect(answer.json()["code"]).toBe("origin_unreachable");
  expect((await site.counts()).total).toBe(1);
});

it("an origin's own 500 is an answer: it is not asked of another origin, and the origin stays in", async () => {
  const site = await startSite({ origins: 2 });
  await site.behave({ status: 500 });
  expect(await askUncached(site, 2)).toEqual([500, 500]);
  expect((await site.counts()).total).toBe(2);
  expect(await healthOf(site)).toEqual([true, true]);
});
