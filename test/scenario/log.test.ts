import { expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { startProgram } from "./program.ts";
import { exchange } from "./raw.ts";
import { ask, type Site, startSite } from "./site.ts";

async function started(settings = {}) {
  const mock = await startMockOrigins({ ports: [0] });
  onTestFinished(() => mock.close());
  const program = await startProgram({ ORIGINS: mock.urls.join(","), LOG_FORMAT: "json", ...settings });
  return { mock, program, url: `http://127.0.0.1:${program.port}` };
}

it("every request is one JSON line with id, method, path, status, outcome, reason and duration", async () => {
  const { mock, program, url } = await started();
  const path = "/data?id=1&cache-control=max-age=60";
  await ask(url + path, { headers: { "X-Request-Id": "one" } });
  await ask(url + path, { headers: { "X-Request-Id": "two" } });
  await ask(`${url}/echo`, { method: "POST", body: "x", headers: { "X-Request-Id": "three" } });
  await ask(`${url}/status?code=404`, { headers: { "X-Request-Id": "four" } });
  await program.says('"four"');
  const requests = program.lines().filter(({ msg }) => msg === "request");
  const common = {
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    host: `127.0.0.1:${program.port}`,
    bytes: expect.any(Number),
    head_ms: expect.any(Number),
    duration_ms: expect.any(Number),
    aborted: false,
  };
  const fetched = { ...common, x_cache_status: "MISS", origin: mock.urls[0] };
  expect(requests).toMatchObject([
    { ...fetched, request_id: "one", method: "GET", path, status: 200, cache: "MISS" },
    {
      ...common,
      request_id: "two",
      path,
      status: 200,
      cache: "HIT",
      x_cache_status: "HIT",
      tier: "memory",
      age: expect.any(Number),
      ttl: expect.any(Number),
    },
    { ...fetched, request_id: "three", method: "POST", path: "/echo", cache: "BYPASS", reason: "method" },
    { ...fetched, request_id: "four", status: 404, cache: "MISS", reason: "no-freshness" },
  ]);
});

it("no secret is in it: neither fields, nor bodies, nor tokens in a query, nor passwords of Redis", async () => {
  const { program, url } = await started({
    REDIS_URL: "redis://user:secret-redis@127.0.0.1:1",
    ADMIN_TOKEN: "secret-admin-token",
  });
  await ask(`${url}/echo?access_token=secret-query&id=7`, {
    method: "POST",
    body: "secret-body",
    headers: {
      Authorization: "Bearer secret-authorization",
      Cookie: "session=secret-cookie",
      "X-Api-Key": "secret-field",
      "X-Request-Id": "last",
    },
  });
  await ask(`http://127.0.0.1:${program.adminPort}/stats`, {
    headers: { Authorization: "Bearer secret-wrong-token" },
  });
  await program.says('"last"');
  await program.says("store");
  expect(program.out()).toContain("id=7");
  expect(program.out() + program.err()).not.toContain("secret");
});

it("no user or password of a request-target is in it, whether the request was served or refused", async () => {
  const { program } = await started();
  const targets = [
    "http://user:secret@a.example/x",
    "http://secret@a.example",
    "http://user:secret/secret@a.example/x",
    "ftp://user:secret@a.example/x",
    "user:secret@a.example:80",
    "/a b?token=secret",
    "/a;jsessionid=secret?sid=secret#token=secret",
    "/\\?token=secret",
  ];
  for (const target of targets) {
    const head = `GET ${target} HTTP/1.1\r\nHost: user:secret@a.example\r\nConnection: close\r\n\r\n`;
    expect(await exchange(program.port, head)).toMatch(/^HTTP\/1\.1 400 /);
    await exchange(program.port, head.replace("user:secret@a", "a"));
  }
  await exchange(program.port, "CONNECT user:secret@a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  const requests = () => program.lines().filter(({ msg }) => msg === "request");
  await expect.poll(() => requests().length, { timeout: 10_000 }).toBe(2 * targets.length + 1);
  expect(requests().map(({ path }) => path)).toContain("/x");
  expect(program.out() + program.err()).not.toContain("secret");
});

it("what is refused before it is a request is a line like every other", async () => {
  const { program } = await started({ HEADERS_TIMEOUT: "200ms", REQUEST_TIMEOUT: "200ms" });
  const seen = await exchange(program.port, "GET /a HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n");
  await exchange(program.port, "GET /b HTTP/1.1\r\nHost: a");
  const requests = () => program.lines().filter(({ msg }) => msg === "request");
  await expect.poll(() => requests().length, { timeout: 10_000 }).toBe(2);
  const common = { level: "info", cache: "BYPASS", x_cache_status: "MISS", reason: "bad_request" };
  expect(requests()).toMatchObject([
    { ...common, method: "GET", path: "/a", status: 400, request_id: /X-Request-Id: (\S+)/.exec(seen)?.[1] },
    { ...common, method: "-", path: "-", status: 408 },
  ]);
});

it("a request that failed is a warning with its reason, and the origin's failure is told", async () => {
  const { mock, program, url } = await started();
  await mock.close();
  const answer = await ask(`${url}/data?id=1`);
  expect(answer.status).toBe(502);
  await program.says('"request"');
  expect(program.lines().find(({ msg }) => msg === "request")).toMatchObject({
    level: "warn",
    status: 502,
    reason: "origin_unreachable",
    origin: mock.urls[0],
  });
  expect(program.lines()).toContainEqual(
    expect.objectContaining({
      level: "warn",
      msg: "origin failed",
      code: "refused",
      origin: mock.urls[0],
      detail: expect.stringContaining("ECONNREFUSED"),
    }),
  );
  // Where the origin is, and what a library says of it, is nobody's business outside.
  expect(answer.json()).toEqual({
    code: "origin_unreachable",
    message: "the server behind this proxy gave no usable answer",
    requestId: answer.header("x-request-id"),
  });
});

it("is silent with LOG_LEVEL=silent, but for the line that says where it is", async () => {
  const { program, url } = await started({ LOG_LEVEL: "silent" });
  await ask(`${url}/data?id=1`);
  program.child.kill("SIGTERM");
  expect(await program.exited).toBe(0);
  expect(program.lines()).toEqual([]);
  expect(program.out()).toMatch(/^Freshline on /);
});

it("what came from the store is told with the age and the ttl that its client was told", async () => {
  for (const lane of ["on", "off"]) {
    const site = await startSite({ standingClock: true, settings: { PLAIN_LANE: lane } });
    const path = "/data?id=1&cache-control=max-age=60,stale-while-revalidate=30,stale-if-error=300";
    const answers = [await site.get(path)];
    await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
    await site.behave({ status: 503 });
    for (const seconds of [0, 10, 60, 60]) {
      site.advance(seconds);
      answers.push(await site.get(path));
    }
    expect(answers.map(({ cache }) => cache)).toEqual([
      "MISS/MISS",
      "HIT/HIT",
      "HIT/HIT",
      "HIT/UPDATING",
      "HIT/STALE",
    ]);
    await site.until("all are told", () => answeredBy(site).length === answers.length);
    expect(answeredBy(site).map(({ age }) => age)).toEqual([undefined, 0, 10, 70, 130]);
    for (const [i, { age, ttl }] of answeredBy(site).entries()) {
      expect(answers[i]?.header("age")).toBe(i === 0 ? undefined : String(age));
      expect(/ttl=(-?\d+)/.exec(answers[i]?.header("cache-status") ?? "")?.[1]).toBe(ttl?.toString());
    }
  }
});

const answeredBy = ({ events }: Site) =>
  events.flatMap((event) => (event.type === "answered" ? [event.outcome] : []));
