import { createHash } from "node:crypto";
import { request as httpRequest, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { type Site, startSite } from "./site.ts";

const MiB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const answered = (site: Site) => site.events.filter((event) => event.type === "answered");

describe("a body that is longer than CACHE_MAX_OBJECT_BYTES", () => {
  it.each([
    ["with a Content-Length", "/bytes?n=3000000&cache-control=max-age=60"],
    ["in chunks", "/bytes?n=3000000&chunked=1&cache-control=max-age=60"],
  ])("%s reaches everyone who asks at once whole, and is not stored", async (_, path) => {
    const site = await startSite({ settings: { CACHE_MAX_OBJECT_BYTES: "1MiB" } });
    const expected = sha256((await site.origin(path)).body);
    await site.behave({ delay_ms: 100 });
    const answers = await Promise.all(Array.from({ length: 6 }, () => site.get(path)));
    expect(answers.map(({ body }) => sha256(body))).toEqual(Array(6).fill(expected));
    await site.behave({ delay_ms: 0 });
    const before = await site.asked(`GET ${path}`);
    const again = await site.get(path);
    expect(again.header("x-cache-status")).toBe("MISS");
    expect(sha256(again.body)).toBe(expected);
    expect(await site.asked(`GET ${path}`)).toBe(before + 1);
    expect(site.events.some(({ type }) => type === "stored")).toBe(false);
  });

  it("is exactly as long as allowed, and stored, or one byte longer, and not", async () => {
    const site = await startSite({ settings: { CACHE_MAX_OBJECT_BYTES: "1000" } });
    for (const [n, cache] of [
      [1000, "HIT/HIT"],
      [1001, "MISS/MISS"],
    ]) {
      for (const framing of ["", "&chunked=1"]) {
        const path = `/bytes?n=${n}${framing}&cache-control=max-age=60`;
        await site.get(path);
        expect((await site.get(path)).cache).toBe(cache);
      }
    }
  });

  it("and says so by its Content-Length is each client's own: a slow one holds nobody up", async () => {
    const site = await startSite({ settings: { CACHE_MAX_OBJECT_BYTES: "1MiB" } });
    const path = "/bytes?n=33554432&cache-control=max-age=60";
    const slow = await rawClient(site.proxy.port);
    slow.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    await slow.sees("200 OK");
    slow.socket.pause();
    expect((await site.get(path)).body.length).toBe(33_554_432);
  });

  it("and turns out so only on its way is not held up by one who takes nothing: that one is cut off", async () => {
    const site = await startSite({ settings: { CACHE_MAX_OBJECT_BYTES: "1MiB" } });
    const path = "/bytes?n=67108864&chunked=1&cache-control=max-age=60";
    await site.behave({ delay_ms: 300 });
    const stalled = await rawClient(site.proxy.port);
    const host = `127.0.0.1:${site.proxy.port}`;
    stalled.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    stalled.socket.pause();
    const startedAt = performance.now();
    const other = await site.get(path);
    expect(other.body.length).toBe(67_108_864);
    expect(other.header("cache-status")).toContain("collapsed");
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    stalled.socket.resume();
    const seen = await stalled.end();
    expect(seen).not.toMatch(/\r\n0\r\n\r\n$/);
    await site.until("it is told", () => answered(site).some(({ aborted }) => aborted));
  });
});

describe("a client that leaves", () => {
  it("during a download is noticed at the origin", async () => {
    let closed = false;
    const origin = await startOrigin((_, response) => {
      response.once("close", () => {
        closed = true;
      });
      response.writeHead(200, { "Content-Length": String(1000 * MiB) });
      const fill = () => {
        while (!closed && response.write(Buffer.alloc(MiB)));
      };
      response.on("drain", fill);
      fill();
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    client.write("GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    await client.sees("200 OK");
    client.socket.destroy();
    await site.until("the origin's connection is closed", () => closed);
    await site.until("it is told as aborted", () => answered(site).some(({ aborted }) => aborted));
  });

  it("during an upload is noticed at the origin, which sees no end of the body", async () => {
    let ended: "complete" | "broken" | undefined;
    const origin = await startOrigin(async (request) => {
      try {
        for await (const _chunk of request);
        ended = "complete";
      } catch {
        ended = "broken";
      }
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    for (const framing of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
      ended = undefined;
      const before = origin.requests.length;
      const client = await rawClient(site.proxy.port);
      client.write(`POST /a HTTP/1.1\r\nHost: a.example\r\n${framing}\r\n\r\n5\r\nhello\r\n`);
      await site.until("the origin is asked", () => origin.requests.length > before);
      client.socket.destroy();
      await site.until("the origin has noticed", () => ended !== undefined);
      expect(ended).toBe("broken");
    }
  });

  it("before the origin has answered ends a request that was for it alone", async () => {
    const waiting: ServerResponse[] = [];
    const origin = await startOrigin((_, response) => waiting.push(response));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n");
    await site.until("the origin is asked", () => waiting.length === 1);
    client.socket.destroy();
    await site.until("the origin's connection is closed", () => waiting[0]?.destroyed === true);
  });
});

describe("WRITE_TIMEOUT", () => {
  /** Far more than a connection buffers, and little enough for the memory tier. */
  const SIZE = 32 * MiB;
  const STORING = { CACHE_MAX_OBJECT_BYTES: "64MiB", CACHE_MEMORY_BYTES: "512MiB" };

  const path = `/bytes?n=${SIZE}&cache-control=max-age=60`;

  it("cuts a client that takes nothing of its answer, and frees the origin", async () => {
    const site = await startSite({ settings: { WRITE_TIMEOUT: "200ms" } });
    const client = await rawClient(site.proxy.port);
    client.socket.pause();
    client.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    await site.until("it is cut", () => answered(site).some(({ aborted }) => aborted));
    client.socket.resume();
    const seen = await client.end();
    expect(seen.length).toBeLessThan(SIZE);
  });

  it("cuts it on a hit as well", async () => {
    const site = await startSite({ settings: { ...STORING, WRITE_TIMEOUT: "200ms" } });
    await site.get(path);
    await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
    const client = await rawClient(site.proxy.port);
    client.socket.pause();
    client.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${site.proxy.port}\r\n\r\n`);
    await site.until("it is cut", () => answered(site).some(({ aborted }) => aborted));
    expect(answered(site).at(-1)).toMatchObject({ outcome: { word: "HIT" } });
  });

  it("lets one go on that is slow and takes something all the time, on a miss and on a hit", async () => {
    const site = await startSite({ settings: { ...STORING, WRITE_TIMEOUT: "1s" } });
    for (const word of ["MISS", "HIT"]) {
      const startedAt = performance.now();
      const bytes = await new Promise<number>((resolve, reject) => {
        const request = httpRequest(
          `http://127.0.0.1:${site.proxy.port}${path}`,
          { agent: false },
          async (response) => {
            let taken = 0;
            try {
              for await (const chunk of response) {
                taken += (chunk as Buffer).length;
                // Some 10 MiB a second.
                const due = startedAt + (taken / (10 * MiB)) * 1000;
                if (due > performance.now() + 10) await pause(due - performance.now());
              }
              resolve(taken);
            } catch (error) {
              reject(error);
            }
          },
        );
        request.on("error", reject);
        request.end();
        onTestFinished(() => void request.destroy());
      });
      expect(bytes).toBe(SIZE);
      expect(performance.now() - startedAt).toBeGreaterThan(2500);
      await site.until("it is told", () => answered(site).some(({ outcome }) => outcome.word === word));
      if (word === "MISS")
        await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
    }
  });
});

describe("HEADERS_TIMEOUT", () => {
  it("ends a connection whose request head does not come, with a 408", async () => {
    const site = await startSite({ settings: { HEADERS_TIMEOUT: "200ms", REQUEST_TIMEOUT: "200ms" } });
    const client = await rawClient(site.proxy.port);
    client.write("GET /a HTTP/1.1\r\nHost: a.exam");
    expect(await client.end()).toMatch(/^HTTP\/1\.1 408 /);
  });
});
