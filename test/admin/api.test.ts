import { expect, test } from "vitest";
import { StoreError } from "../../src/cache/ports.ts";
import { anApi, url } from "./an-api.ts";

const post = (body: unknown): RequestInit => ({
  method: "POST",
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const ERROR = {
  code: expect.any(String),
  message: expect.any(String),
  requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
};

test("it lives as long as it answers", async () => {
  const { app } = anApi({ ready: () => ({ ready: false, detail: "draining" }) });
  expect((await app.request("/health/live")).status).toBe(200);
});

test("it is ready when it says so, and says why when it is not", async () => {
  let state = { ready: true, detail: "2 of 2 origins healthy" };
  const { app } = anApi({ ready: () => state });
  const yes = await app.request("/health/ready");
  expect([yes.status, await yes.json()]).toEqual([200, state]);
  state = { ready: false, detail: "no healthy origin" };
  const no = await app.request("/health/ready");
  expect([no.status, await no.json()]).toEqual([503, state]);
});

test("stats are JSON, metrics are Prometheus text, / lists the endpoints", async () => {
  const { app } = anApi();
  expect(await (await app.request("/stats")).json()).toEqual({ requests: 3, hit_rate: 0.5 });
  const metrics = await app.request("/metrics");
  expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await metrics.text()).toBe("# HELP up 1\nup 1\n");
  const list = await app.request("/");
  expect(list.headers.get("content-type")).toMatch(/^text\/plain/);
  const text = await list.text();
  for (const path of [
    "/health/live",
    "/health/ready",
    "/stats",
    "/metrics",
    "/origins",
    "/cache/",
    "/purge",
    "/warm",
  ]) {
    expect(text).toContain(path);
  }
});

test("origins are a map from origin to health", async () => {
  const { app } = anApi({
    origins: () => [
      { origin: "http://o1", healthy: true, since: 0, lastCheck: 10_000, detail: "200", inFlight: 2 },
      { origin: "http://o2", healthy: false, since: 5_000, detail: "refused", inFlight: 0 },
    ],
  });
  expect(await (await app.request("/origins")).json()).toEqual({
    "http://o1": {
      healthy: true,
      since: "1970-01-01T00:00:00.000Z",
      last_check: "1970-01-01T00:00:10.000Z",
      detail: "200",
      in_flight: 2,
    },
    "http://o2": {
      healthy: false,
      since: "1970-01-01T00:00:05.000Z",
      last_check: null,
      detail: "refused",
      in_flight: 0,
    },
  });
});

test("DELETE /cache/… purges the URL under every known host, or the one that X-Host names", async () => {
  const { app, purged } = anApi();
  const all = await app.request("/cache/data?id=1", { method: "DELETE" });
  expect(all.status).toBe(200);
  expect(await all.json()).toEqual({ purged: ["a.example/data?id=1", "b.example/data?id=1"], epoch: 7 });
  await app.request("/cache/", { method: "DELETE", headers: { "X-Host": "[::1]:3000" } });
  expect(purged).toEqual([[url("a.example/data?id=1"), url("b.example/data?id=1")], [url("[::1]:3000/")]]);
});

test.each(["a b", "a/b", "user@a", "a:b", "a,b", "", "http://a"])("X-Host %j is refused", async (host) => {
  const { app, purged } = anApi();
  const response = await app.request("/cache/x", { method: "DELETE", headers: { "X-Host": host } });
  expect([response.status, await response.json()]).toEqual([400, { ...ERROR, code: "bad_request" }]);
  expect(purged).toEqual([]);
});

test("DELETE /cache names nothing and is no route", async () => {
  const { app, purged } = anApi();
  for (const path of ["/cache", "/cache?x=1", "/cachedata"]) {
    expect((await app.request(path, { method: "DELETE" })).status).toBe(404);
  }
  expect(purged).toEqual([]);
});

test("a URL without a key is refused instead of purging nothing", async () => {
  const { app, purged } = anApi({ keysFor: () => [] });
  expect((await app.request("/cache/x", { method: "DELETE" })).status).toBe(400);
  expect((await app.request("/purge", post({ urls: ["/x"] }))).status).toBe(400);
  expect(purged).toEqual([]);
});

test("POST /purge takes URLs with a host and paths without, each key once, and gives a receipt", async () => {
  const { app, purged } = anApi();
  const urls = [
    "http://a.example/x?y=1",
    "/x?y=1",
    "https://C.example:8443",
    "http://a.example?q",
    "/é//../%2F#top",
  ];
  const response = await app.request("/purge", post({ urls }));
  expect(response.status).toBe(200);
  const receipt = await response.json();
  expect(receipt).toEqual({
    id: response.headers.get("x-request-id"),
    epoch: 7,
    took_ms: expect.any(Number),
  });
  expect(purged).toEqual([
    [
      url("a.example/x?y=1"),
      url("b.example/x?y=1"),
      url("C.example:8443/"),
      url("a.example/?q"),
      url("a.example/%C3%A9//../%2F"),
      url("b.example/%C3%A9//../%2F"),
    ],
  ]);
});

test("everything is everything, whatever URLs are named beside it", async () => {
  const { app, purged } = anApi();
  await app.request("/purge", post({ everything: true, urls: ["/x"] }));
  expect(purged).toEqual([[{ type: "everything" }]]);
});

test.each([
  ["", "not JSON"],
  ["{", "not JSON"],
  ["null", "JSON object"],
  ["[]", "JSON object"],
  ["7", "JSON object"],
  ["{}", "name what to purge"],
  ['{"urls":[]}', "name what to purge"],
  ['{"everything":false}', "name what to purge"],
  ['{"everything":"yes"}', "true or false"],
  ['{"urls":"/x"}', "list of strings"],
  ['{"urls":[1]}', "list of strings"],
  ['{"urls":["x"]}', "not an http URL"],
  ['{"urls":["ftp://a/x"]}', "not an http URL"],
  ['{"urls":["http:///x"]}', "not an http URL"],
  ['{"urls":["http://u:p@a/x"]}', "not an http URL"],
  ['{"urls":["/a b"]}', "not an http URL"],
  ['{"urls":["/\\ud800"]}', "not an http URL"],
  ['{"urls":["/x"],"prefixes":["/"]}', "prefixes"],
  [JSON.stringify({ urls: Array.from({ length: 1001 }, (_, i) => `/${i}`) }), "at most 1000"],
])("POST /purge with %s purges nothing and says what is wrong", async (body, said) => {
  const { app, purged } = anApi();
  const response = await app.request("/purge", post(body));
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({
    ...ERROR,
    code: "bad_request",
    message: expect.stringContaining(said),
  });
  expect(purged).toEqual([]);
});

test("a purge that the log did not take is a 503", async () => {
  const purge = async () => {
    throw new StoreError("timeout", "no answer within 500 ms");
  };
  const { app, reported } = anApi({ purge });
  for (const response of [
    await app.request("/purge", post({ everything: true })),
    await app.request("/cache/x", { method: "DELETE" }),
  ]) {
    expect(response.status).toBe(503);
    const message = expect.stringContaining("no answer within 500 ms");
    expect(await response.json()).toEqual({ ...ERROR, code: "store_unavailable", message });
  }
  expect(reported).toEqual([]);
});

test("POST /warm passes URLs on and answers what became of them", async () => {
  const { app, warmed } = anApi({});
  const response = await app.request("/warm", post({ urls: ["http://a.example/x", "/y"] }));
  expect([response.status, await response.json()]).toEqual([200, { requested: 2, warmed: 2, failed: [] }]);
  expect(warmed).toEqual([["http://a.example/x", "/y"]]);
  for (const body of [{}, { urls: [] }, { urls: ["gopher://x"] }, { urls: ["/x"], all: true }]) {
    expect((await app.request("/warm", post(body))).status).toBe(400);
  }
  expect(warmed).toHaveLength(1);
});

test("a body of more than 1 MiB is refused, one of just 1 MiB is read", async () => {
  const { app, purged } = anApi();
  const padded = (size: number) => {
    const body = JSON.stringify({ everything: true });
    return body + " ".repeat(size - body.length);
  };
  const large = await app.request("/purge", post(padded(1024 * 1024 + 1)));
  expect([large.status, await large.json()]).toEqual([413, { ...ERROR, code: "payload_too_large" }]);
  expect(purged).toEqual([]);
  expect((await app.request("/purge", post(padded(1024 * 1024)))).status).toBe(200);
  const declared = { ...post("{}"), headers: { "Content-Length": String(1024 * 1024 + 1) } };
  expect((await app.request("/purge", declared)).status).toBe(413);
});

test.each([
  ["GET", "/nothing"],
  ["GET", "/purge"],
  ["POST", "/stats"],
  ["DELETE", "/stats"],
  ["GET", "/health"],
])("%s %s is a 404 in JSON", async (method, path) => {
  const { app } = anApi();
  const response = await app.request(path, { method });
  expect([response.status, await response.json()]).toEqual([404, { ...ERROR, code: "not_found" }]);
});

test("an error of ours is told to the log and not to the client", async () => {
  const error = new Error("redis://:hunter2@db");
  const { app, reported } = anApi({
    stats: () => {
      throw error;
    },
  });
  const response = await app.request("/stats");
  expect(response.status).toBe(500);
  const body = await response.json();
  expect(body).toEqual({ ...ERROR, code: "internal_error", requestId: response.headers.get("x-request-id") });
  expect(JSON.stringify(body)).not.toContain("hunter2");
  expect(reported).toEqual([error]);
});

test.each([
  ["/", {}],
  ["/stats", {}],
  ["/nothing", {}],
  ["/purge", { method: "POST", body: "{" }],
] as const)("%s carries the security fields, and is neither cached nor shared", async (path, init) => {
  const { headers } = await anApi().app.request(path, init);
  expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.has("access-control-allow-origin")).toBe(false);
  expect(headers.has("strict-transport-security")).toBe(false);
});
