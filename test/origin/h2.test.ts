import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { OriginRequest } from "../../src/cache/ports/origin.ts";
import { certificateFolder } from "../certificates.ts";
import { until } from "../until.ts";
import { aClient, aPool, get, never, readAll, rejection } from "./asking.ts";
import { framedOrigin } from "./h2-frames.ts";
import { type H2Origin, h2Origin } from "./h2-origin.ts";

const clientOf = ({ url, ca }: Pick<H2Origin, "url" | "ca">, options: Parameters<typeof aClient>[1] = {}) =>
  aClient(url, { http2: true, tls: { ca }, ...options });

const bodyOf = (...chunks: readonly string[]): NonNullable<OriginRequest["body"]> => ({
  stream: {
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
  },
});

describe("a response of HTTP/2", () => {
  it("has its fields line by line and byte by byte, its body, its trailers and its interim responses", async () => {
    const origin = await h2Origin((stream) => {
      stream.additionalHeaders({ ":status": 103, link: "</a.css>" });
      const fields = { "set-cookie": ["a=1", "b=2"], "x-raw": "caf\xe9", vary: "accept" };
      stream.respond({ ":status": 203, ...fields, "content-length": 7 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "7" }));
      stream.write("one ");
      stream.end("two");
    });
    const interim: unknown[] = [];
    const onInterim = (...seen: unknown[]) => interim.push(seen);
    const response = await clientOf(origin).send({ ...get(), onInterim }, never());
    expect(String(await readAll(response.body))).toBe("one two");
    const { status, statusMessage, fields } = response;
    expect({ status, statusMessage, fields: fields.slice(0, 8) }).toEqual({
      status: 203,
      statusMessage: "",
      fields: ["set-cookie", "a=1", "set-cookie", "b=2", "x-raw", "caf\xe9", "vary", "accept"],
    });
    expect(response.trailers?.()).toEqual(["x-sum", "7"]);
    expect(interim).toEqual([[103, ["link", "</a.css>"]]]);
  });

  it.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
    ["DELETE", 205],
  ])("to %s with the status %i has no body, and ends", async (method, status) => {
    const origin = await h2Origin((stream) =>
      stream.respond({ ":status": status, "x-a": "1" }, { endStream: true }),
    );
    const response = await clientOf(origin).send({ ...get(), method }, never());
    expect([response.status, (await readAll(response.body)).length]).toEqual([status, 0]);
  });

  it("is malformed with a longer head than MAX_HEADER_BYTES, and costs nobody else the connection", async () => {
    const origin = await h2Origin((stream, { ":path": path }) => {
      stream.respond({ ":status": 200, ...(path === "/long" ? { "x-long": "a".repeat(2000) } : {}) });
      stream.end("x");
    });
    const client = clientOf(origin, { maxHeaderBytes: 1000 });
    expect(await rejection(client.send(get("/long"), never()))).toMatchObject({ code: "malformed" });
    expect((await client.send(get("/short"), never())).status).toBe(200);
    expect(origin.sessions).toHaveLength(1);
  });

  it.each([
    ["NO_ERROR", 0],
    ["INTERNAL_ERROR", 2],
    ["REFUSED_STREAM", 7],
    ["CANCEL", 8],
  ])("that is reset with %s before its end has broken off", async (_, code) => {
    const origin = await framedOrigin((stream, asked) => {
      stream.head();
      if (asked !== 2) stream.data("whole", "END_STREAM");
      else {
        stream.data("half");
        stream.reset(code);
      }
    });
    const failed: string[] = [];
    const client = clientOf(origin, { bodyFailed: ({ code }) => failed.push(code) });
    const read = async () => String(await readAll((await client.send(get(), never())).body));
    expect(await read()).toBe("whole");
    expect(await rejection(read())).toMatchObject({ code: "reset" });
    expect(failed).toEqual(["reset"]);
    expect(await read()).toBe("whole");
  });

  it("that is reset behind its end is whole", async () => {
    const origin = await framedOrigin((stream) => {
      stream.head();
      stream.data("whole", "END_STREAM");
      stream.reset(0);
    });
    const { body, closeDelimited } = await clientOf(origin).send(get(), never());
    expect(String(await readAll(body))).toBe("whole");
    expect(closeDelimited).toBeUndefined();
  });

  it.each([0, 8])("with a Content-Length is whole once all of it is here, and not before", async (code) => {
    const origin = await framedOrigin((stream, asked) => {
      stream.head(5);
      stream.data(asked === 1 ? "whole" : "half");
      stream.reset(code);
    });
    const client = clientOf(origin);
    const read = async () => String(await readAll((await client.send(get(), never())).body));
    expect(await read()).toBe("whole");
    expect(await rejection(read())).toMatchObject({ code: "reset" });
  });

  it("whose connection is cut has broken off", async () => {
    const origin = await h2Origin((stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half");
    });
    const response = await clientOf(origin).send(get(), never());
    origin.sessions[0]?.destroy();
    expect(await rejection(readAll(response.body))).toMatchObject({ code: "reset" });
  });

  it("is read no faster than its reader takes it", async () => {
    const origin = await h2Origin((stream) => {
      stream.respond({ ":status": 200, "content-length": 4_000_000 });
      stream.end(Buffer.alloc(4_000_000, "x"));
    });
    const { body } = await clientOf(origin).send(get(), never());
    expect((await readAll(body)).length).toBe(4_000_000);
  });
});

describe("a request over HTTP/2", () => {
  it("has nothing of a connection, names in lower case, and the origin's own authority", async () => {
    const origin = await h2Origin((stream) => stream.respond({ ":status": 200 }, { endStream: true }));
    const fields = ["X-Twice", "1", "x-twice", "2", "Cookie", "a=1", "Cookie", "b=2", "X-Raw", "caf\xe9"];
    const ofConnections = [
      "Connection",
      "x",
      "Keep-Alive",
      "x",
      "Transfer-Encoding",
      "chunked",
      "Upgrade",
      "x",
    ];
    await clientOf(origin).send(get("/a?b", [...fields, ...ofConnections]), never());
    expect(Object.entries(origin.asked[0] ?? {}).flat()).toEqual([
      ...[":authority", new URL(origin.url).host, ":method", "GET", ":path", "/a?b", ":scheme", "https"],
      ...["x-twice", "1, 2", "cookie", "a=1; b=2", "x-raw", "caf\xe9"],
    ]);
  });

  it("has the client's authority with PRESERVE_HOST", async () => {
    const origin = await h2Origin((stream) => stream.respond({ ":status": 200 }, { endStream: true }));
    await clientOf(origin, { preserveHost: true }).send(get(), never());
    expect(origin.asked[0]?.[":authority"]).toBe("client.example");
    expect(origin.asked[0]?.host).toBeUndefined();
  });

  it("with content goes over HTTP/1.1, and without over HTTP/2, whatever its method", async () => {
    const origin = await h2Origin((stream) => stream.respond({ ":status": 201 }, { endStream: true }));
    const client = clientOf(origin);
    const post = { ...get(), method: "POST" };
    const answer = await client.send({ ...post, body: bodyOf("he", "llo") }, never());
    expect(String(await readAll(answer.body))).toBe("1.1 POST hello");
    expect((await client.send(post, never())).status).toBe(201);
    expect(origin.asked.map((fields) => fields[":method"])).toEqual(["POST"]);
  });

  it("shares its connection with hundreds of others, and each gets its own answer", async () => {
    const waiting: (() => void)[] = [];
    const origin = await h2Origin((stream, { ":path": path }) => {
      waiting.push(() => {
        stream.respond({ ":status": 200, "content-length": path?.length });
        stream.end(path);
      });
    });
    const client = clientOf(origin, { connections: 300 });
    const paths = Array.from({ length: 300 }, (_, i) => `/${i}`);
    const asking = paths.map(async (path) => {
      const { body } = await client.send(get(path), never());
      return String(await readAll(body));
    });
    await until("all are at the origin", () => waiting.length === 300);
    for (const answer of waiting.reverse()) answer();
    expect(await Promise.all(asking)).toEqual(paths);
    expect(origin.sessions.length).toBeLessThanOrEqual(4);
  });

  it("that nobody waits for any more is reset, and the connection goes on", async () => {
    const closed: string[] = [];
    const origin = await h2Origin((stream, { ":path": path = "" }) => {
      stream.on("close", () => closed.push(path));
      if (path === "/quick") stream.respond({ ":status": 200 }, { endStream: true });
    });
    const client = clientOf(origin);
    const leaving = new AbortController();
    const sent = client.send(get("/slow"), leaving.signal);
    await until("it is at the origin", () => origin.asked.length === 1);
    leaving.abort(new Error("enough"));
    expect(await rejection(sent)).toMatchObject({ message: "enough" });
    await until("it is reset", () => closed.includes("/slow"));
    expect((await client.send(get("/quick"), never())).status).toBe(200);
    expect(origin.sessions).toHaveLength(1);
    await until("nothing is under way", () => client.inFlight === 0);
  });

  it("that gets no head in time ends as a time-out", async () => {
    const origin = await h2Origin(() => {});
    const sent = clientOf(origin).send(get(), never(), 50);
    expect(await rejection(sent)).toMatchObject({ code: "timeout" });
  });
});

describe("of an origin of HTTP/2 that leaves", () => {
  it("what is under way at a GOAWAY ends well, and what follows gets a new connection", async () => {
    const waiting: (() => void)[] = [];
    const origin = await h2Origin((stream) => {
      waiting.push(() => {
        stream.respond({ ":status": 200, "content-length": 4 });
        stream.end("late");
      });
    });
    const client = clientOf(origin);
    const first = client.send(get("/first"), never());
    await until("it is at the origin", () => waiting.length === 1);
    origin.sessions[0]?.close();
    const second = client.send(get("/second"), never());
    await until("the other one is, too", () => waiting.length === 2);
    for (const answer of waiting) answer();
    expect(String(await readAll((await first).body))).toBe("late");
    expect(String(await readAll((await second).body))).toBe("late");
    expect(origin.sessions).toHaveLength(2);
  });

  it("a request that it says it has not seen is sent once more, whatever its method", async () => {
    const origin = await framedOrigin((stream, asked) => {
      if (asked === 1) stream.reset(7);
      else {
        stream.head();
        stream.data("", "END_STREAM");
      }
    });
    const response = await clientOf(origin).send({ ...get(), method: "POST" }, never());
    expect(response.status).toBe(200);
    expect(origin.asked()).toBe(2);
  });

  it.each([
    ["POST", 1],
    ["GET", 1],
  ])("a %s whose connection is cut is sent %i time on it, and fails", async (method, times) => {
    const origin = await h2Origin((stream) => stream.session?.destroy());
    const error = await rejection(clientOf(origin).send({ ...get(), method }, never()));
    expect(error).toMatchObject({ code: "reset" });
    expect(origin.asked).toHaveLength(times);
  });

  it("a GET is sent to another origin, and a POST is not", async () => {
    const dying = await h2Origin((stream) => stream.close(2));
    const good = await h2Origin((stream) => stream.respond({ ":status": 200 }, { endStream: true }));
    const pool = aPool([dying.url, good.url], { http2: true, tls: { ca: dying.ca + good.ca } });
    await pool.ready;
    const statuses = await Promise.all(
      ["/a", "/b"].map(async (path) => (await pool.send(get(path), never())).status),
    );
    expect(statuses).toEqual([200, 200]);
    const asked = good.asked.length;
    const posts = await Promise.allSettled(
      ["/a", "/b"].map((path) => pool.send({ ...get(path), method: "POST" }, never())),
    );
    expect(posts.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(good.asked.length).toBe(asked + 1);
  });
});

it("an origin that offers HTTP/1.1 alone is asked over that", async () => {
  const certificates = certificateFolder();
  certificates.certify("origin");
  const files = { key: certificates.pem("origin.key"), cert: certificates.pem("origin.pem") };
  const server = createServer(files, ({ httpVersion, rawHeaders }, response) => {
    response.setHeader("Set-Cookie", ["a=1", "b=2"]);
    response.end(`${httpVersion} ${rawHeaders.join(" ")}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const client = aClient(url, { http2: true, tls: { ca: certificates.pem("origin.pem") } });
  const all = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const { fields, body } = await client.send(get("/", ["X-A", "1"]), never());
      return [fields.slice(0, 4), String(await readAll(body))];
    }),
  );
  for (const [fields, text] of all) {
    expect(fields).toEqual(["Set-Cookie", "a=1", "Set-Cookie", "b=2"]);
    expect(text).toMatch(/^1\.1 .*x-a 1/);
  }
});
