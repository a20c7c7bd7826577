import { randomBytes as anyBytes, createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import type { MockOrigins } from "../../mock-origin/start.ts";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { ask, jsonOf } from "./ask.ts";

const MIB = 1024 * 1024;

let origins: MockOrigins;
let url: string;

beforeAll(async () => {
  origins = await startMockOrigins({ ports: [0] });
  url = origins.urls[0]!;
  return origins.close;
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("/echo", () => {
  it("tells what arrived, field lines as they came", async () => {
    const reply = jsonOf(
      await ask(url, "/echo?a=%20b", {
        method: "PURGE",
        headers: { "X-Twice": ["1", "2"], "x-lower": "c" },
        body: "grün",
      }),
    );
    expect(reply).toMatchObject({
      method: "PURGE",
      url: "/echo?a=%20b",
      body: "grün",
      port: origins.ports[0],
    });
    expect(reply.headers).toEqual(
      expect.arrayContaining([
        ["X-Twice", "1"],
        ["X-Twice", "2"],
        ["x-lower", "c"],
      ]),
    );
    expect([reply.body_bytes, reply.body_sha256]).toEqual([5, sha256(Buffer.from("grün"))]);
  });

  it("reads a large body through and repeats its first 4 KiB", async () => {
    const body = Buffer.from(
      anyBytes(4 * MIB)
        .toString("latin1")
        .replace(/[^a-z]/g, "x"),
      "latin1",
    );
    const reply = jsonOf(await ask(url, "/echo", { method: "POST", body }));
    expect([reply.body_bytes, reply.body_sha256]).toEqual([body.length, sha256(body)]);
    expect(reply.body).toBe(body.toString("latin1", 0, 4096));
  });

  it("survives a client that leaves in the middle of its body", async () => {
    const socket = connect(origins.ports[0]!, "127.0.0.1");
    socket.write("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", () =>
      socket.resetAndDestroy(),
    );
    await new Promise((resolve) => socket.once("close", resolve));
    expect((await ask(url, "/echo")).status).toBe(200);
  });
});

describe("/bytes", () => {
  it("sends the same bytes for the same seed, with a length or in chunks", async () => {
    const plain = await ask(url, "/bytes?n=150001&seed=7");
    const chunked = await ask(url, "/bytes?n=150001&seed=7&chunked=1");
    const longer = await ask(url, "/bytes?n=200000&seed=7");
    expect(plain.body.length).toBe(150_001);
    expect(plain.fields["content-length"]).toBe("150001");
    expect(chunked.fields).toMatchObject({ "transfer-encoding": "chunked" });
    expect(chunked.fields).not.toHaveProperty("content-length");
    expect(sha256(chunked.body)).toBe(sha256(plain.body));
    expect(sha256(longer.body.subarray(0, 150_001))).toBe(sha256(plain.body));
  });

  it("sends other bytes, that look random, for another seed", async () => {
    const bodies = await Promise.all(
      [0, 1, 2, 2 ** 32 - 1].map((seed) => ask(url, `/bytes?n=65536&seed=${seed}`)),
    );
    expect(new Set(bodies.map(({ body }) => sha256(body))).size).toBe(4);
    for (const { body } of bodies) {
      const seen = new Array<number>(256).fill(0);
      for (const byte of body) seen[byte]!++;
      expect(Math.min(...seen)).toBeGreaterThan(128);
      expect(Math.max(...seen)).toBeLessThan(384);
    }
  });

  it("validates by an ETag that n and seed make", async () => {
    const { fields } = await ask(url, "/bytes?n=5&seed=1&cache-control=max-age=3");
    expect(fields["cache-control"]).toBe("max-age=3");
    const headers = { "If-None-Match": fields.etag as string };
    expect((await ask(url, "/bytes?n=5&seed=1", { headers })).status).toBe(304);
    expect((await ask(url, "/bytes?n=5&seed=2", { headers })).status).toBe(200);
    expect((await ask(url, "/bytes?n=6&seed=1", { headers })).status).toBe(200);
  });

  const range = (value: string, more: Record<string, string> = {}) =>
    ask(url, "/bytes?n=150001&seed=7", { headers: { Range: value, ...more } });

  it.each([
    ["bytes=0-0", 0, 0],
    ["bytes=65535-65536", 65_535, 65_536],
    ["bytes=70000-140000", 70_000, 140_000],
    ["bytes=150000-", 150_000, 150_000],
    ["bytes=-3", 149_998, 150_000],
    ["bytes=-999999", 0, 150_000],
    ["bytes=149999-999999", 149_999, 150_000],
  ])("sends %s of the bytes", async (asked, first, last) => {
    const whole = await ask(url, "/bytes?n=150001&seed=7");
    const part = await range(asked);
    expect(part.status).toBe(206);
    expect(part.fields).toMatchObject({
      "content-range": `bytes ${first}-${last}/150001`,
      "content-length": String(last - first + 1),
      etag: whole.fields.etag,
    });
    expect(part.body.equals(whole.body.subarray(first, last + 1))).toBe(true);
    const chunked = await ask(url, "/bytes?n=150001&seed=7&chunked=1", { headers: { Range: asked } });
    expect(chunked.fields).not.toHaveProperty("content-length");
    expect(chunked.body.equals(part.body)).toBe(true);
  });

  it.each(["bytes=150001-", "bytes=-0"])("answers %s with 416 and the length", async (asked) => {
    const reply = await range(asked);
    expect([reply.status, reply.fields["content-range"]]).toEqual([416, "bytes */150001"]);
  });

  it.each(["bytes=0-1,5-6", "lines=0-1", "bytes=5-2", "bytes=-"])("ignores %s", async (asked) => {
    const reply = await range(asked);
    expect([reply.status, reply.body.length]).toEqual([200, 150_001]);
  });

  it("sends a range only to the one who has the same bytes, by If-Range", async () => {
    const { etag } = (await range("bytes=0-1")).fields as { etag: string };
    expect((await range("bytes=0-1", { "If-Range": etag })).status).toBe(206);
    for (const other of [`W/${etag}`, '"other"', "Sat, 21 Nov 2026 10:00:00 GMT"])
      expect((await range("bytes=0-1", { "If-Range": other })).status).toBe(200);
  });

  it.each([
    "/bytes",
    "/bytes?n=",
    "/bytes?n=-1",
    "/bytes?n=1e3",
    "/bytes?n=99999999999999999",
    "/bytes?n=1&seed=x",
  ])("refuses %s", async (path) => {
    expect((await ask(url, path)).status).toBe(400);
  });

  it("sends nothing when nothing is wanted, and no body to HEAD", async () => {
    expect((await ask(url, "/bytes?n=0")).fields["content-length"]).toBe("0");
    const most = 16 * 1024 * MIB;
    const head = await ask(url, `/bytes?n=${most}`, { method: "HEAD" });
    expect([head.fields["content-length"], head.body.length]).toEqual([String(most), 0]);
  });

  it("makes no more than a slow reader takes", async () => {
    const heldBefore = process.memoryUsage().arrayBuffers;
    const stalled = connect(origins.ports[0]!, "127.0.0.1");
    stalled.pause();
    stalled.write(`GET /bytes?n=${1024 * MIB} HTTP/1.1\r\nHost: x\r\n\r\n`);
    // Without back-pressure the stalled answer would be made as fast as this one is.
    const read = await new Promise<number>((resolve, reject) => {
      let length = 0;
      httpRequest(`${url}/bytes?n=${256 * MIB}`, { agent: false }, (response) => {
        response.on("data", (chunk: Buffer) => (length += chunk.length));
        response.on("end", () => resolve(length));
      })
        .on("error", reject)
        .end();
    });
    const held = process.memoryUsage().arrayBuffers - heldBefore;
    stalled.destroy();
    expect(read).toBe(256 * MIB);
    expect(held).toBeLessThan(128 * MIB);
  });
});

describe("/headers", () => {
  it("sends each pair as a field line in order, with its case and repetitions", async () => {
    const reply = await ask(url, "/headers?X-B=1&x-a=two+words&Set-Cookie=a%3Db&x-b=2&Set-Cookie=c&Vary=");
    expect(reply.lines.slice(0, 12)).toEqual([
      ...["X-B", "1", "x-a", "two words", "Set-Cookie", "a=b"],
      ...["x-b", "2", "Set-Cookie", "c", "Vary", ""],
    ]);
    expect([reply.status, reply.body.toString()]).toEqual([200, "ok"]);
  });

  it("adds only what was not named", async () => {
    const { lines } = await ask(url, "/headers?DATE=x&content-type=a/b&x-mock-port=0");
    const names = lines.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    expect(names).toEqual(["date", "content-type", "x-mock-port", "content-length", "connection"]);
  });

  it.each(["a%20b=c", "=c", "a=%0d%0ab", "%C3%A4=c"])("refuses %s", async (query) => {
    expect((await ask(url, `/headers?${query}`)).status).toBe(400);
  });

  it("says so when Node cannot send such a head", async () => {
    const reply = await ask(url, "/headers?Trailer=x");
    expect([reply.status, reply.reason]).toEqual([500, "Internal Server Error"]);
    expect(jsonOf(reply).error).toContain("Trailer");
  });
});

describe("/status", () => {
  it.each([200, 301, 404, 418, 503, 599])("answers %i", async (code) => {
    const reply = await ask(url, `/status?code=${code}&cache-control=max-age=1`);
    expect([reply.status, jsonOf(reply)]).toEqual([code, { status: code }]);
    expect(reply.fields["cache-control"]).toBe("max-age=1");
  });

  it.each([204, 205, 304])("answers %i without content", async (code) => {
    const reply = await ask(url, `/status?code=${code}`);
    expect([reply.status, reply.body.length]).toEqual([code, 0]);
  });

  it.each(["/status", "/status?code=101", "/status?code=600", "/status?code=ok"])(
    "refuses %s",
    async (path) => {
      expect((await ask(url, path)).status).toBe(400);
    },
  );
});

describe("/events", () => {
  it("sends as many events as wanted", async () => {
    const reply = await ask(url, "/events?n=2&every_ms=0");
    expect(reply.fields).toMatchObject({
      "content-type": "text/event-stream",
      "transfer-encoding": "chunked",
    });
    expect(reply.body.toString()).toBe('id: 1\ndata: {"n":1}\n\nid: 2\ndata: {"n":2}\n\n');
  });

  it("sends the first event at once, not with the next", async () => {
    const request = httpRequest(`${url}/events?n=2&every_ms=60000`, { agent: false });
    const first = await new Promise<string>((resolve, reject) => {
      request.on("response", (response) =>
        response.once("data", (chunk: Buffer) => resolve(chunk.toString())),
      );
      request.on("error", reject);
      request.end();
    });
    request.destroy();
    expect(first).toBe('id: 1\ndata: {"n":1}\n\n');
  });
});

it("lists its routes", async () => {
  const reply = await ask(url, "/");
  expect(reply.fields["content-type"]).toContain("text/plain");
  for (const path of ["/data", "/behavior", "/counts", "/echo", "/bytes", "/ws"]) {
    expect(reply.body.toString()).toContain(path);
  }
});

it("names the path that nothing is served at", async () => {
  const reply = await ask(url, "/nowhere?x");
  expect([reply.status, jsonOf(reply).error]).toEqual([404, expect.stringContaining("/nowhere;")]);
});
