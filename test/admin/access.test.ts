import { expect, test } from "vitest";
import { anApi } from "./an-api.ts";

const TOKEN = "correct-horse";

test.each([
  [undefined],
  [""],
  [TOKEN],
  [`Basic ${TOKEN}`],
  ["Bearer"],
  ["Bearer wrong"],
  [`Bearer ${TOKEN}x`],
  [`Bearer ${TOKEN.slice(0, -1)}`],
  [`Bearer ${TOKEN.toUpperCase()}`],
  [`Bearer wrong, Bearer ${TOKEN}`],
])("with a token, Authorization %j is not enough for anything", async (authorization) => {
  const { app, purged } = anApi({ token: TOKEN });
  const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization };
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/stats"],
    ["HEAD", "/stats"],
    ["GET", "/metrics"],
    ["GET", "/origins"],
    ["GET", "/nothing"],
    ["DELETE", "/cache/x"],
    ["POST", "/purge"],
    ["POST", "/warm"],
    ["GET", "/health/live/"],
    ["GET", "/health/live/../../stats"],
    ["GET", "//health/live"],
  ] as const) {
    const response = await app.request(path, { method, headers });
    expect(`${path} ${response.status}`).toBe(`${path} 401`);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer realm="freshline"/);
    if (method !== "HEAD") expect(await response.json()).toMatchObject({ code: "unauthorized" });
  }
  expect(purged).toEqual([]);
});

test("with a token, who sends it may do everything, under any Host", async () => {
  const { app, purged } = anApi({ token: TOKEN });
  const headers = { Authorization: `bearer ${TOKEN}`, Host: "admin.example" };
  expect((await app.request("/stats", { headers })).status).toBe(200);
  const body = '{"everything":true}';
  expect((await app.request("/purge", { method: "POST", body, headers })).status).toBe(200);
  expect(purged).toHaveLength(1);
});

test("probes need no token and no particular Host", async () => {
  for (const { app } of [anApi({ token: TOKEN }), anApi()]) {
    for (const path of ["/health/live", "/health/ready"]) {
      expect((await app.request(path, { headers: { Host: "10.1.2.3:3001" } })).status).toBe(200);
    }
  }
});

test("an empty token is none", async () => {
  const { app } = anApi({ token: "" });
  expect(
    (await app.request("/stats", { headers: { Host: "evil.example", Authorization: "Bearer " } })).status,
  ).toBe(421);
  expect((await app.request("/stats", { headers: { Host: "localhost" } })).status).toBe(200);
});

test.each([
  "localhost",
  "LOCALHOST:3001",
  "localhost.",
  "a.localhost:1",
  "127.0.0.1:3001",
  "127.1.2.3",
  "[::1]:3001",
  "admin.internal:9",
])("without a token, Host %s is answered", async (Host) => {
  const { app } = anApi({ hosts: ["Admin.internal"] });
  expect((await app.request("/stats", { headers: { Host } })).status).toBe(200);
});

test.each([
  "evil.example",
  "evil.example:3001",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "10.0.0.1",
  "[::2]",
  "notlocalhost",
])("without a token, Host %s is refused: the name may have been rebound to us", async (Host) => {
  const { app, purged } = anApi({ hosts: ["admin.internal"] });
  for (const [method, path] of [
    ["GET", "/stats"],
    ["DELETE", "/cache/x"],
  ] as const) {
    const response = await app.request(path, { method, headers: { Host } });
    expect([response.status, await response.json()]).toEqual([
      421,
      expect.objectContaining({ code: "host_not_allowed" }),
    ]);
  }
  expect(purged).toEqual([]);
});

const HERE = "localhost:3001";

test.each([
  { Origin: "https://evil.example" },
  { Origin: "null" },
  { Origin: "http://localhost:8080" },
  { Origin: "http://localhost" },
  { "Sec-Fetch-Site": "cross-site" },
  { "Sec-Fetch-Site": "same-site" },
  { "Sec-Fetch-Site": "cross-site", Origin: `http://${HERE}` },
  { "Sec-Fetch-Site": "same-origin", Origin: "https://evil.example" },
])("without a token, another site's page (%o) changes nothing, but may try to read", async (fields) => {
  const { app, purged, warmed } = anApi();
  const headers = { Host: HERE, ...fields } as Record<string, string>;
  for (const [method, path, body] of [
    ["DELETE", "/cache/x", undefined],
    ["POST", "/purge", '{"everything":true}'],
    ["POST", "/warm", '{"urls":["/x"]}'],
  ] as const) {
    const response = await app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
    expect([response.status, await response.json()]).toEqual([
      403,
      expect.objectContaining({ code: "cross_site" }),
    ]);
  }
  expect([purged, warmed]).toEqual([[], []]);
  expect((await app.request("/stats", { headers })).status).toBe(200);
});

test.each([
  {},
  { Origin: `http://${HERE}` },
  { Origin: `http://${HERE}`, "Sec-Fetch-Site": "same-origin" },
  { "Sec-Fetch-Site": "none" },
])("without a token, our own page and tools (%o) may change things", async (fields) => {
  const { app, purged } = anApi();
  const headers = { Host: HERE, ...fields } as Record<string, string>;
  expect((await app.request("/cache/x", { method: "DELETE", headers })).status).toBe(200);
  expect(purged).toHaveLength(1);
});
