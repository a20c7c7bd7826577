import { expect, test } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { anApi, path, url, urlsOf } from "./an-api.ts";

const post = (body: unknown): RequestInit => ({
  method: "POST",
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const ERROR = {
  type: expect.stringMatching(/^\/problems#[a-z_]+$/),
  title: expect.any(String),
  status: expect.any(Number),
  detail: expect.any(String),
  code: expect.any(String),
  request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
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
  expect(yes.headers.get("retry-after")).toBeNull();
  state = { ready: false, detail: "no healthy origin" };
  const no = await app.request("/health/ready");
  expect([no.status, await no.json()]).toEqual([503, state]);
  expect(no.headers.get("retry-after")).toBe("1");
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
      {
        origin: "http://o1",
        healthy: true,
        since: 0,
        lastCheck: 10_000,
        detail: "200",
        inFlight: 2,
        ejected: true,
        history: [],
      },
      {
        origin: "http://o2",
        healthy: false,
        since: 5_000,
        detail: "refused",
        inFlight: 0,
        breakerOpen: true,
        history: [{ at: 5_000, healthy: false, detail: "refused" }],
      },
      {
        origin: "http://o3",
        healthy: true,
        since: 0,
        detail: "200",
        inFlight: 1,
        draining: true,
        history: [],
      },
    ],
  });
  expect(await (await app.request("/origins")).json()).toEqual({
    "http://o1": {
      healthy: true,
      state: "up",
      since: "1970-01-01T00:00:00.000Z",
      last_check: "1970-01-01T00:00:10.000Z",
      detail: "200",
      in_flight: 2,
      ejected: true,
      breaker_open: false,
      history: [],
    },
    "http://o2": {
      healthy: false,
      state: "down",
      since: "1970-01-01T00:00:05.000Z",
      last_check: null,
      detail: "refused",
      in_flight: 0,
      ejected: false,
      breaker_open: true,
      history: [{ at: "1970-01-01T00:00:05.000Z", healthy: false, detail: "refused" }],
    },
    "http://o3": {
      healthy: true,
      state: "draining",
      since: "1970-01-01T00:00:00.000Z",
      last_check: null,
      detail: "200",
      in_flight: 1,
      ejected: false,
      breaker_open: false,
      history: [],
    },
  });
});

const RECEIPT = {
  id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  epoch: 7,
  shared: true,
  instances: 2,
  acked: 1,
  missing: ["b"],
  took_ms: expect.any(Number),
};

test("DELETE /cache/… purges the path under every host, or under the one that X-Host names", async () => {
  const { app, purged, modes } = anApi();
  const all = await app.request("/cache/data?id=1", { method: "DELETE" });
  expect(all.status).toBe(200);
  expect(await all.json()).toEqual(RECEIPT);
  await app.request("/cache/", { method: "DELETE", headers: { "X-Host": "[::1]:3000" } });
  await app.request("/cache/a?utm_source=x&b", { method: "DELETE" });
  expect(purged).toEqual([[path("/data?id=1")], urlsOf("[::1]:3000/"), [path("/a?b")]]);
  expect(modes).toEqual(["delete", "delete", "delete"]);
});

test("Fastly-Soft-Purge: 1 makes what is stored stale instead of deleting it", async () => {
  const { app, modes } = anApi();
  const soft = { "Fastly-Soft-Purge": "1" };
  await app.request("/cache/x", { method: "DELETE", headers: soft });
  await app.request("/purge", { ...post({ urls: ["/x"] }), headers: soft });
  await app.request("/purge", { ...post({ urls: ["/x"], mode: "delete" }), headers: soft });
  await app.request("/cache/x", { method: "DELETE", headers: { "Fastly-Soft-Purge": "0" } });
  expect(modes).toEqual(["invalidate", "invalidate", "delete", "delete"]);
  const odd = await app.request("/cache/x", { method: "DELETE", headers: { "Fastly-Soft-Purge": "yes" } });
  expect([odd.status, modes.length]).toEqual([400, 4]);
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

test("POST /purge takes URLs with a host and paths without, each once, and gives a receipt", async () => {
  const { app, purged } = anApi();
  const urls = [
    "http://a.example/x?y=1",
    "/x?y=1",
    "https://C.example:8443",
    "http://a.example?q",
    "http://a.example:80/x?y=1&utm_id=2",
    "/é//../%2F#top",
  ];
  const response = await app.request("/purge", post({ urls }));
  expect(response.status).toBe(200);
  const receipt = await response.json();
  expect(receipt).toEqual({ ...RECEIPT, id: response.headers.get("x-request-id") });
  expect(purged).toEqual([
    [
      ...urlsOf("a.example/x?y=1"),
      path("/x?y=1"),
      ...urlsOf("c.example:8443/"),
      ...urlsOf("a.example/?q"),
      url("https://a.example:80/x?y=1"),
      path("/%C3%A9//../%2F"),
    ],
  ]);
});

test("POST /purge takes targets of every kind at once", async () => {
  const { app, purged } = anApi();
  const targets = [
    { url: "https://a.example/x" },
    { url: "/x" },
    { prefix: "https://A.example/x/" },
    { prefix: "https://a.example" },
    { prefix: "/x/é" },
    { host: "b.example:8080" },
    { host: "https://c.example/" },
    { tag: "every where" },
    { tag: "news", host: "d.example" },
  ];
  expect((await app.request("/purge", post({ targets, mode: "invalidate" }))).status).toBe(200);
  const both = (host: string) => [`http://${host}`, `https://${host}`];
  expect(purged).toEqual([
    [
      ...urlsOf("a.example/x"),
      path("/x"),
      ...both("a.example").map((site) => ({ type: "prefix", site, path: "/x/" })),
      ...both("a.example").map((site) => ({ type: "prefix", site, path: "/" })),
      { type: "prefix", path: "/x/%C3%A9" },
      ...both("b.example:8080").map((site) => ({ type: "site", site })),
      ...both("c.example").map((site) => ({ type: "site", site })),
      { type: "tag", tag: "every where" },
      ...both("d.example").map((site) => ({ type: "tag", site, tag: "news" })),
    ],
  ]);
});

test("a refresh invalidates, and has fetched again what is stored under the URLs", async () => {
  const { app, purged, modes, refetched } = anApi();
  const targets = [{ url: "http://a.example/x" }];
  expect((await app.request("/purge", post({ targets, mode: "refresh" }))).status).toBe(200);
  expect([purged, modes]).toEqual([[urlsOf("a.example/x")], ["invalidate"]]);
  expect(refetched).toEqual([["http://a.example/x", "https://a.example/x"]]);
  for (const target of [{ url: "/x" }, { prefix: "/x" }, { host: "a" }, { tag: "t" }, { everything: true }]) {
    const refused = await app.request("/purge", post({ targets: [...targets, target], mode: "refresh" }));
    expect(refused.status).toBe(400);
  }
  expect([purged.length, refetched.length]).toEqual([1, 1]);
});

test("everything is everything, whatever is named beside it", async () => {
  const { app, purged } = anApi();
  await app.request("/purge", post({ everything: true, urls: ["/x"] }));
  await app.request("/purge", post({ targets: [{ host: "a" }, { everything: true }] }));
  expect(purged).toEqual([[{ type: "everything" }], [{ type: "everything" }]]);
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
  ['{"targets":{}}', "list of objects"],
  ['{"targets":[]}', "name what to purge"],
  ['{"targets":["/x"]}', "JSON object"],
  ['{"targets":[{}]}', "names one of"],
  ['{"targets":[{"url":"/x","prefix":"/y"}]}', "names one of"],
  ['{"targets":[{"url":"/x","host":"a"}]}', "names one of"],
  ['{"targets":[{"everything":true,"tag":"t"}]}', "names one of"],
  ['{"targets":[{"everything":false}]}', "must be true"],
  ['{"targets":[{"url":"/x"},{"path":"/y"}]}', "unknown member"],
  ['{"targets":[{"url":7}]}', '"url" must be a string'],
  ['{"targets":[{"prefix":"x"}]}', "not an http URL"],
  ['{"targets":[{"host":"a/b"}]}', "not a host"],
  ['{"targets":[{"host":""}]}', "not a host"],
  ['{"targets":[{"tag":"t","host":"a b"}]}', "not a host"],
  ['{"targets":[{"tag":""}]}', "must not be empty"],
  ['{"targets":[{"url":"/x"}],"mode":"soft"}', '"mode" must be'],
  [JSON.stringify({ targets: Array.from({ length: 1001 }, () => ({ tag: "t" })) }), "at most 1000"],
  [JSON.stringify({ urls: Array.from({ length: 1001 }, (_, i) => `/${i}`) }), "at most 1000"],
])("POST /purge with %s purges nothing and says what is wrong", async (body, said) => {
  const { app, purged } = anApi();
  const response = await app.request("/purge", post(body));
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({
    ...ERROR,
    code: "bad_request",
    detail: expect.stringContaining(said),
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
    expect(response.headers.get("retry-after")).toBe("1");
    const detail = "the purge may still take effect: no answer within 500 ms";
    expect(await response.json()).toEqual({ ...ERROR, code: "store_unavailable", detail });
  }
  expect(reported).toEqual([]);
});

test("a purge that reached no log is a 503 that says that nothing was purged, and fetches nothing again", async () => {
  const purge = async () => {
    throw new StoreError("unavailable", "the purge log is out of reach");
  };
  const { app, refetched } = anApi({ purge });
  const response = await app.request("/purge", post({ urls: ["http://a/x"], mode: "refresh" }));
  const detail = "nothing was purged: the purge log is out of reach";
  expect([response.status, await response.json()]).toEqual([
    503,
    { ...ERROR, code: "store_unavailable", detail },
  ]);
  expect(refetched).toEqual([]);
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
  ["GET", "/purge", "POST"],
  ["HEAD", "/purge", "POST"],
  ["OPTIONS", "/warm", "POST"],
  ["GET", "/cache/x", "DELETE"],
  ["POST", "/stats", "GET, HEAD"],
  ["DELETE", "/stats", "GET, HEAD"],
  ["PUT", "/", "GET, HEAD"],
])("%s %s is a 405 that says what is allowed", async (method, target, allowed) => {
  const { app, purged } = anApi();
  const response = await app.request(target, { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
  if (method !== "HEAD") expect(await response.json()).toEqual({ ...ERROR, code: "method_not_allowed" });
  expect(purged).toEqual([]);
});

test("errors are problem details, whose type leads to what is known of their kind", async () => {
  const { app } = anApi();
  const response = await app.request("/nothing");
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as { type: string; code: string; title: string; status: number };
  expect(problem).toEqual({
    type: "/problems#not_found",
    title: "There is no such thing",
    status: 404,
    detail: "no GET /nothing here; GET / lists what is",
    code: "not_found",
    request_id: response.headers.get("x-request-id"),
  });
  const [page, fragment] = problem.type.split("#") as [string, string];
  const known = (await (await app.request(page)).json()) as { code: string }[];
  expect(known).toContainEqual({
    code: fragment,
    type: problem.type,
    status: problem.status,
    title: problem.title,
  });
});

test("a store that is out of reach says no more than that of what is no purge", async () => {
  const { app } = anApi({
    explain: async () => {
      throw new StoreError("unavailable", "no worker serves");
    },
  });
  const response = await app.request("/explain?url=/x");
  expect([response.status, await response.json()]).toEqual([
    503,
    { ...ERROR, code: "store_unavailable", detail: "no worker serves" },
  ]);
});

test("JSON answers end their line", async () => {
  const { app } = anApi();
  for (const response of [
    await app.request("/stats"),
    await app.request("/health/ready"),
    await app.request("/nothing"),
    await app.request("/purge", post({ urls: ["/x"] })),
  ]) {
    expect(response.headers.get("content-type")).toMatch(/^application\/(?:problem\+)?json$/);
    expect(await response.text()).toMatch(/^\{.*\}\n$/);
  }
});

test.each([
  ["GET", "/nothing"],
  ["POST", "/nothing"],
  ["GET", "/cache"],
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
  expect(body).toEqual({
    ...ERROR,
    code: "internal_error",
    request_id: response.headers.get("x-request-id"),
  });
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
