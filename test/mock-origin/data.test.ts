import { beforeEach, describe, expect, it } from "vitest";
import { Data, entityTagOf, MAX_ITEMS, MAX_VALUE_CHARS } from "../../mock-origin/data.ts";
import type { MockOrigins } from "../../mock-origin/start.ts";
import { ask, jsonOf, put } from "./ask.ts";
import { startTwo } from "./start-two.ts";

const START = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

let origins: MockOrigins;
let one: string;
let two: string;
let now: number;

beforeEach(async () => {
  now = START;
  ({ origins, one, two } = await startTwo(() => now));
});

describe("GET /data", () => {
  it("brings an unknown id to life with the start time", async () => {
    now += 5000;
    const reply = await ask(one, "/data?id=123");
    expect(reply.status).toBe(200);
    expect(reply.body.toString()).toBe(
      '{"id":"123","value":"initial","updated_at":"2026-01-02T03:04:05.678Z"}\n',
    );
    expect(reply.fields).toMatchObject({
      "content-type": "application/json",
      "content-length": String(reply.body.length),
      date: "Fri, 02 Jan 2026 03:04:10 GMT",
      "x-mock-port": String(origins.ports[0]),
    });
  });

  it("names no Cache-Control, Last-Modified or Expires of its own", async () => {
    const { fields } = await ask(one, "/data?id=123");
    expect(fields).not.toHaveProperty("cache-control");
    expect(fields).not.toHaveProperty("last-modified");
    expect(fields).not.toHaveProperty("expires");
  });

  it("makes the ETag from updated_at alone", async () => {
    const a = await ask(one, "/data?id=a");
    const b = await ask(two, "/data?id=b&cache-control=no-cache");
    expect(a.fields.etag).toMatch(/^"[^"]+"$/);
    expect(b.fields.etag).toBe(a.fields.etag);
    now += 1;
    expect((await put(one, "/data?id=a")).fields.etag).not.toBe(a.fields.etag);
  });

  it.each([
    ["max-age%3D60%2C%20public", "max-age=60, public"],
    ["max-age=60,+stale-if-error=9", "max-age=60, stale-if-error=9"],
    ["x%3D%22a%26b%22", 'x="a&b"'],
  ])("echoes cache-control=%s", async (parameter, expected) => {
    expect((await ask(one, `/data?id=1&cache-control=${parameter}`)).fields["cache-control"]).toBe(expected);
  });

  it.each(["a%0d%0aSet-Cookie:b", "a%0ab", "a%00b", "%7f", "%E2%82%AC"])(
    "refuses cache-control=%s",
    async (parameter) => {
      const reply = await ask(one, `/data?id=1&cache-control=${parameter}`);
      expect(reply.status).toBe(400);
      expect(jsonOf(reply).error).toContain("cache-control");
      expect(reply.fields).not.toHaveProperty("set-cookie");
    },
  );

  it.each(["/data", "/data?id="])("refuses %s, which names no id", async (path) => {
    expect((await ask(one, path)).status).toBe(400);
  });

  it("answers HEAD as it would GET, without the body", async () => {
    const [get, head] = [await ask(one, "/data?id=1"), await ask(one, "/data?id=1", { method: "HEAD" })];
    expect(head.body.length).toBe(0);
    expect(head.fields).toEqual(get.fields);
  });

  it("answers a request-target in absolute form", async () => {
    expect(jsonOf(await ask(one, "http://example.com/data?id=7")).id).toBe("7");
  });

  it("answers other methods with 405 and the methods it knows", async () => {
    const reply = await ask(one, "/data?id=1", { method: "POST" });
    expect([reply.status, reply.fields.allow]).toEqual([405, "GET, HEAD, PUT"]);
  });
});

describe("If-None-Match", () => {
  it.each([
    ["the tag", (tag: string) => tag, 304],
    ["the tag as a weak one", (tag: string) => `W/${tag}`, 304],
    ["the tag in a list", (tag: string) => `"x", W/"y,z" ,${tag}`, 304],
    ["anything", () => "*", 304],
    ["another tag", () => '"x"', 200],
    ["the tag without its quotes", (tag: string) => tag.slice(1, -1), 200],
    ["the tag within another", (tag: string) => `"x${tag.slice(1)}`, 200],
  ])("that names %s", async (_, value, status) => {
    const { fields } = await ask(one, "/data?id=1");
    const reply = await ask(two, "/data?id=1&cache-control=max-age=9", {
      headers: { "If-None-Match": value(fields.etag as string) },
    });
    expect(reply.status).toBe(status);
    expect(reply.fields).toMatchObject({ etag: fields.etag, "cache-control": "max-age=9" });
    expect(reply.body.length > 0).toBe(status === 200);
    expect("content-length" in reply.fields).toBe(status === 200);
  });
});

describe("PUT /data", () => {
  it("sets value and updated_at on every port", async () => {
    now += 1000;
    const reply = await put(one, "/data?id=1", { value: { deep: [1, null] } });
    expect(reply.status).toBe(200);
    expect(jsonOf(reply)).toEqual({
      id: "1",
      value: { deep: [1, null] },
      updated_at: new Date(now).toISOString(),
    });
    const read = await ask(two, "/data?id=1");
    expect(read.body).toEqual(reply.body);
    expect(read.fields.etag).toBe(reply.fields.etag);
  });

  it("keeps the value when the body is empty or names none", async () => {
    await put(one, "/data?id=1", { value: "kept" });
    expect(jsonOf(await put(one, "/data?id=1")).value).toBe("kept");
    expect(jsonOf(await put(one, "/data?id=1", { other: 1 })).value).toBe("kept");
    expect(jsonOf(await put(one, "/data?id=1", [])).value).toBe("kept");
  });

  it("moves updated_at forward though the clock stands still or goes back", async () => {
    const seen = [jsonOf(await ask(one, "/data?id=1")).updated_at];
    for (const step of [0, 0, -5000]) {
      now += step;
      seen.push(jsonOf(await put(one, "/data?id=1")).updated_at);
    }
    expect(new Set(seen).size).toBe(4);
    expect([...seen].sort()).toEqual(seen);
  });

  it.each([["{"], ['{"value":'], [Buffer.from([0x22, 0xff, 0x22])]])(
    "refuses malformed JSON and changes nothing (%#)",
    async (body) => {
      const before = await ask(one, "/data?id=1");
      now += 1000;
      expect((await ask(one, "/data?id=1", { method: "PUT", body })).status).toBe(400);
      expect((await ask(one, "/data?id=1")).body).toEqual(before.body);
    },
  );

  it.each([
    ["a length", {}],
    ["chunks", { "Transfer-Encoding": "chunked" }],
  ])("takes a body of 1 MiB and no more, sent with %s", async (_, headers) => {
    const body = Buffer.alloc(1024 * 1024 + 1, " ");
    body.write("{}");
    const sizes = [body.subarray(0, -1), body];
    const replies = sizes.map((bytes) => ask(one, "/data?id=1", { method: "PUT", headers, body: bytes }));
    expect((await Promise.all(replies)).map(({ status }) => status)).toEqual([200, 413]);
  });
});

describe("room", () => {
  it("is for MAX_ITEMS changed ids; those already changed can be changed again, and all can be read", () => {
    const data = new Data(() => START);
    for (let i = 0; i < MAX_ITEMS; i++) expect(data.put(`id-${i}`).type).toBe("updated");
    expect(data.put("one too many").type).toBe("full");
    expect(data.get("one too many").updatedAt).toBe(START);
    expect(data.put("id-0").type).toBe("updated");
    expect(entityTagOf(data.get("id-0"))).not.toBe(entityTagOf(data.get("id-1")));
  });

  it("is for MAX_VALUE_CHARS of values, and smaller values make room again", () => {
    const data = new Data(() => START);
    const half = "1".repeat(MAX_VALUE_CHARS / 2);
    expect(data.put("a", half).type).toBe("updated");
    expect(data.put("b", half).type).toBe("updated");
    expect(data.put("c", "1").type).toBe("full");
    expect(data.put("a", "1").type).toBe("updated");
    expect(data.put("c", "1").type).toBe("updated");
  });

  it("that is missing is told with 507", async () => {
    for (let i = 0; i < MAX_ITEMS; i += 100) {
      const ids = Array.from({ length: 100 }, (_, k) => i + k);
      // fetch keeps its connections, where `put` would leave ten thousand behind.
      await Promise.all(
        ids.map(async (id) => (await fetch(`${one}/data?id=${id}`, { method: "PUT" })).arrayBuffer()),
      );
    }
    const reply = await put(two, "/data?id=more");
    expect(reply.status).toBe(507);
    expect(jsonOf(reply).error).toContain(String(MAX_ITEMS));
  });
});
