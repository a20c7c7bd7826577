import { describe, expect, it } from "vitest";
import type { ByteStream } from "../../src/cache/ports/body.ts";
import { OriginError } from "../../src/cache/ports/origin.ts";
import { originOf } from "../../src/origin/address.ts";
import type { ClientOptions } from "../../src/origin/client.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { aClient, get, never, readAll, rejection } from "./asking.ts";
import { answering, OK, type RawServer, rawServer } from "./raw-server.ts";

/** The socket buffers fill; then nothing more is written for 30 looks in a row. */
function standstill(written: () => number): Promise<number> {
  let still = 0;
  let last = -1;
  return until("the sender stands still", () => {
    still = written() === last ? still + 1 : 0;
    last = written();
    return still > 30;
  });
}

describe("a body that came whole", () => {
  async function takenFrom(body: ByteStream): Promise<string> {
    let taken: Uint8Array | undefined;
    await until("the body is here", () => {
      taken = body.take?.();
      return taken !== undefined;
    });
    return Buffer.from(taken ?? []).toString("latin1");
  }

  it("can be taken, once, in place of reading it", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    const { body } = await aClient(server.url).send(get("/"), never());
    expect(await takenFrom(body)).toBe("whole");
    expect(body.take?.()).toBeUndefined();
    expect(String(await readAll(body))).toBe("");
  });

  it("is empty where there are no bytes", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const { body } = await aClient(server.url).send(get("/"), never());
    expect(await takenFrom(body)).toBe("");
  });

  it("cannot be taken from under its reader", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    const { body } = await aClient(server.url).send(get("/"), never());
    const pieces = body[Symbol.asyncIterator]();
    expect(body.take?.()).toBeUndefined();
    expect(String(Buffer.from((await pieces.next()).value ?? []))).toBe("whole");
  });

  it("cannot be taken while a part of it is to come, nor when it has broken off", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwhole");
    const { body } = await aClient(server.url).send(get("/"), never());
    expect(body.take?.()).toBeUndefined();
    server.connections[0]?.socket.destroy();
    await expect(readAll(body)).rejects.toThrow();
    expect(body.take?.()).toBeUndefined();
  });
});

describe("what the origin receives", () => {
  it("is the request's own bytes, the origin's Host and nothing that was not asked for", async () => {
    const server = await answering(OK);
    const lines = ["X-Odd-CASE", "1", "x-odd-case", "2", "X-Latin", "caf\xe9", "Empty", "", "TE-ish", "a, b"];
    const response = await aClient(server.url).send(get("/a//b/../c?x=%7e\xe9&y", lines), never());
    await readAll(response.body);
    expect(server.connections[0]?.received()).toBe(
      [
        "GET /a//b/../c?x=%7e\xe9&y HTTP/1.1",
        `host: 127.0.0.1:${server.port}`,
        "connection: keep-alive",
        "X-Odd-CASE: 1",
        "x-odd-case: 2",
        "X-Latin: caf\xe9",
        "Empty: ",
        "TE-ish: a, b",
        "\r\n",
      ].join("\r\n"),
    );
  });

  it("is the client's Host when it is preserved", async () => {
    const server = await answering(OK);
    const response = await aClient(server.url, { preserveHost: true }).send(get("/"), never());
    await readAll(response.body);
    expect(server.connections[0]?.received()).toContain("\r\nhost: client.example\r\n");
  });

  it("never holds framing or connection fields that the caller left in by mistake", async () => {
    const server = await answering(OK);
    const framing = ["Host", "evil", "Content-Length", "9", "Transfer-Encoding", "chunked"];
    const hop = ["Connection", "close", "Keep-Alive", "timeout=1", "Upgrade", "h2c"];
    const more = ["Expect", "100-continue", "Kept", "yes"];
    const response = await aClient(server.url).send(get("/", [...framing, ...hop, ...more]), never());
    await readAll(response.body);
    expect(server.connections[0]?.received()).toBe(
      `GET / HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\nKept: yes\r\n\r\n`,
    );
  });

  it("is refused before it is sent when it cannot be written safely", async () => {
    const server = await answering(OK);
    const one = aClient(server.url);
    for (const request of [get("/a b"), get("/", ["X", "a\r\nb: c"]), get("/", ["bad name", "x"])]) {
      expect(await rejection(one.send(request, never()))).toMatchObject({
        name: "OriginError",
        code: "malformed",
      });
    }
    expect(server.connections).toHaveLength(0);
    expect(one.inFlight).toBe(0);
  });
});

describe("a response", () => {
  it("keeps case, order, repetition and latin1 bytes of its field lines, and its reason phrase", async () => {
    const head =
      "HTTP/1.1 299 Tr\xc3\xa8s bien\r\nSet-Cookie: a=1\r\nX-oDD: caf\xe9\r\nset-cookie: b=2\r\nEmpty:\r\nPadded:  x \t\r\nContent-Length: 2\r\n\r\nok";
    const server = await answering(head);
    const response = await aClient(server.url).send(get(), never());
    expect(response.status).toBe(299);
    expect(response.statusMessage).toBe("Tr\xc3\xa8s bien");
    expect(response.origin).toBe(server.url);
    expect(response.fields).toEqual([
      ...["Set-Cookie", "a=1", "X-oDD", "caf\xe9", "set-cookie", "b=2", "Empty", "", "Padded", "x"],
      ...["Content-Length", "2"],
    ]);
    expect(response.closeDelimited).toBeUndefined();
    expect((await readAll(response.body)).toString()).toBe("ok");
  });

  it("drops a reason phrase that was not UTF-8, as undici has lost it", async () => {
    const server = await answering("HTTP/1.1 200 Tr\xe8s\r\nContent-Length: 0\r\n\r\n");
    expect((await aClient(server.url).send(get(), never())).statusMessage).toBe("");
  });

  it("drops a reason phrase with control characters, which could not be written again", async () => {
    const server = await answering("HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n");
    expect((await aClient(server.url).send(get(), never())).statusMessage).toBe("");
  });

  it("comes after interim responses, which are ignored", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    const server = await answering(early + OK);
    const response = await aClient(server.url).send(get(), never());
    expect([response.status, response.fields]).toEqual([200, ["Content-Length", "2"]]);
    expect((await readAll(response.body)).toString()).toBe("ok");
  });

  it.each([
    ["GET", "304 Not Modified"],
    ["GET", "204 No Content"],
    ["HEAD", "200 OK"],
  ])("to %s with %s may name the length of a body it does not have", async (method, status) => {
    const server = await answering(`HTTP/1.1 ${status}\r\nETag: "x"\r\nContent-Length: 500\r\n\r\n`);
    const response = await aClient(server.url).send({ ...get(), method }, never());
    expect(response.fields).toEqual(["ETag", '"x"', "Content-Length", "500"]);
    expect(await readAll(response.body)).toHaveLength(0);
    expect(response.closeDelimited).toBeUndefined();
  });

  it.each([
    ["GET", "304 Not Modified"],
    ["GET", "204 No Content"],
    ["HEAD", "200 OK"],
  ])("to %s with %s needs no length to be complete", async (method, status) => {
    const server = await answering(`HTTP/1.1 ${status}\r\n\r\n`);
    const response = await aClient(server.url).send({ ...get(), method }, never());
    expect(await readAll(response.body)).toHaveLength(0);
    expect(response.closeDelimited).toBeUndefined();
  });

  it("without length or chunks ends with its connection, and says that its end proves nothing", async () => {
    const server = await rawServer(({ socket }) => socket.end("HTTP/1.0 200 OK\r\nA: b\r\n\r\nall of it"));
    const response = await aClient(server.url).send(get(), never());
    expect(response.closeDelimited).toBe(true);
    expect((await readAll(response.body)).toString()).toBe("all of it");
  });

  it("in chunks is delivered without its framing", async () => {
    const server = await answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
    );
    const response = await aClient(server.url).send(get(), never());
    expect(response.closeDelimited).toBeUndefined();
    expect((await readAll(response.body)).toString()).toBe("abcde");
  });

  it("reuses its connection for the next request", async () => {
    const server = await answering(OK);
    const one = aClient(server.url);
    for (let i = 0; i < 5; i++) {
      await readAll((await one.send(get(`/${i}`), never())).body);
      await new Promise(setImmediate);
    }
    expect(server.connections).toHaveLength(1);
    expect(one.inFlight).toBe(0);
  });
});

describe("an origin that fails before the head is complete", () => {
  const fails = async (server: RawServer, options: Partial<ClientOptions> = {}) => {
    const error = await rejection(aClient(server.url, options).send(get(), never()));
    expect(error).toBeInstanceOf(OriginError);
    expect((error as OriginError).origin).toBe(server.url);
    return (error as OriginError).code;
  };

  it("is refused when nobody listens", async () => {
    const port = await freePort();
    const one = aClient(`http://127.0.0.1:${port}`);
    expect(await rejection(one.send(get(), never()))).toMatchObject({
      code: "refused",
      facts: { progress: "unconnected" },
    });
    expect(one.inFlight).toBe(0);
  });

  it("is connect when the name does not exist", async () => {
    const one = aClient("http://no-such-host.invalid");
    expect(await rejection(one.send(get(), never()))).toMatchObject({ code: "connect" });
  });

  it("is connect, not timeout, when a TLS handshake is never answered", async () => {
    const server = await rawServer(() => {});
    const one = aClient(`https://127.0.0.1:${server.port}`, { connectTimeoutMs: 50 });
    expect(await rejection(one.send(get(), never()))).toMatchObject({ code: "connect" });
  });

  it.each([
    ["nothing at all", ""],
    ["half a status line", "HTTP/1.1 20"],
    ["half a head", "HTTP/1.1 200 OK\r\nContent-Le"],
    ["an interim response alone", "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ])("is reset when the connection ends after %s", async (_what, bytes) => {
    expect(await fails(await rawServer(({ socket }) => socket.end(bytes)))).toBe("reset");
  });

  it("is reset when the connection is reset", async () => {
    expect(await fails(await rawServer(({ socket }) => socket.resetAndDestroy()))).toBe("reset");
  });

  it.each([
    ["garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["a status that is no number", "HTTP/1.1 2x0 OK\r\n\r\n"],
    ["two different lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    [
      "a length and chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n"],
    ["a control character in a field", "HTTP/1.1 200 OK\r\nA: b\x01c\r\nContent-Length: 0\r\n\r\n"],
    ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
    [
      "a transfer coding that nobody asked for",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a head that is too large", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}\r\n\r\n`],
    [
      "a switch of protocols that nobody asked for",
      "HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
  ])("is malformed when it sends %s", async (_what, bytes) => {
    expect(await fails(await answering(bytes))).toBe("malformed");
  });

  it.each([
    ["in the lane", true],
    ["through undici", false],
  ])("is timeout when no head comes, or only a part of one: %s", async (_way, plainLane) => {
    const soon = { plainLane, headersTimeoutMs: 50 };
    expect(await fails(await answering(""), soon)).toBe("timeout");
    expect(await fails(await answering("HTTP/1.1 200 OK\r\nA:"), soon)).toBe("timeout");
  });
});

describe("a body that breaks off", () => {
  it.each([
    ["short of its length", "Content-Length: 10\r\n\r\nhalf"],
    ["short of its length, on a last connection", "Connection: close\r\nContent-Length: 10\r\n\r\nhalf"],
    ["in the middle of a chunk", "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"],
    ["between two chunks", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    [
      "between two chunks, on a last connection",
      "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ["before the empty line after the last chunk", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"],
  ])("%s delivers what came and rejects with reset", async (_what, rest) => {
    const server = await rawServer(({ socket }) => socket.end(`HTTP/1.1 200 OK\r\n${rest}`));
    const failures: string[] = [];
    const one = aClient(server.url, { bodyFailed: (error) => failures.push(error.code) });
    const response = await one.send(get(), never());
    let text = "";
    const error = await rejection(
      (async () => {
        for await (const chunk of response.body) text += Buffer.from(chunk).toString();
      })(),
    );
    expect(text).toBe("half");
    expect(error).toMatchObject({ name: "OriginError", code: "reset", origin: server.url });
    expect(failures).toEqual(["reset"]);
    expect(one.inFlight).toBe(0);
  });

  it("by a chunk size that is none is malformed", async () => {
    const server = await answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    );
    const response = await aClient(server.url).send(get(), never());
    expect(await rejection(readAll(response.body))).toMatchObject({ code: "malformed" });
  });

  it("by silence is a timeout", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    const response = await aClient(server.url, { bodyTimeoutMs: 50 }).send(get(), never());
    expect(await rejection(readAll(response.body))).toMatchObject({ code: "timeout" });
  });
});

describe("a request body", () => {
  async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
  }
  const post = (stream: AsyncIterable<Uint8Array>, length?: number) => ({
    ...get(),
    method: "POST",
    body: length === undefined ? { stream } : { stream, length },
  });
  /** Answers when the body is there. */
  const echo = (end: string) =>
    rawServer((connection) => {
      const look = () => {
        if (connection.received().endsWith(end)) connection.socket.write(OK);
      };
      connection.socket.on("data", look);
      look();
    });

  it("of known length is sent with Content-Length", async () => {
    const server = await echo("abcde");
    await readAll((await aClient(server.url).send(post(pieces("abc", "de"), 5), never())).body);
    expect(server.connections[0]?.received()).toMatch(/\r\ncontent-length: 5\r\n\r\nabcde$/);
  });

  it("of unknown length is sent in chunks", async () => {
    const server = await echo("0\r\n\r\n");
    await readAll((await aClient(server.url).send(post(pieces("abc", "de")), never())).body);
    expect(server.connections[0]?.received()).toMatch(
      /\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n$/,
    );
  });

  it("of no bytes has the length 0", async () => {
    const server = await answering(OK);
    await readAll((await aClient(server.url).send(post(pieces(), 0), never())).body);
    expect(server.connections[0]?.received()).toMatch(/\r\ncontent-length: 0\r\n\r\n$/);
  });

  it.each([
    ["chunks", undefined],
    ["a length", 100],
  ])("with %s that breaks off is cut off at the origin, never completed", async (_what, length) => {
    const broken = new Error("client left");
    const server = await rawServer(() => {});
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      await until("the half is there", () => server.connections[0]?.received().includes("half") === true);
      throw broken;
    }
    const error = await rejection(aClient(server.url).send(post(breaking(), length), never()));
    expect(error).toMatchObject({
      code: "reset",
      message: expect.stringContaining("request body broke off"),
    });
    const { socket, received } = server.connections[0]!;
    await until("the origin sees the end", () => socket.destroyed);
    expect(received()).toMatch(/half(\r\n)?$/);
  });

  it("that is longer than it said is cut off at the length", async () => {
    const server = await rawServer(() => {});
    expect(
      await rejection(aClient(server.url).send(post(pieces("abc", "INJECTED"), 3), never())),
    ).toBeInstanceOf(OriginError);
    await until("the origin sees the end", () => server.connections[0]?.socket.destroyed === true);
    expect(server.connections[0]?.received()).not.toContain("INJECTED");
  });

  it("waits for an origin that does not read", async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        sent += 65_536;
        yield Buffer.alloc(65_536);
      }
    }
    const server = await rawServer(({ socket }) => socket.pause());
    const leaving = new AbortController();
    const answer = rejection(aClient(server.url).send(post(endless()), leaving.signal));
    await standstill(() => sent);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    leaving.abort(new Error("enough"));
    expect(await answer).toMatchObject({ message: "enough" });
  });

  it("is told to stop when the origin answers early and for good", async () => {
    let stopped = false;
    const waits = {
      [Symbol.asyncIterator]: () => {
        let first = true;
        return {
          next: () => {
            if (!first) return new Promise<never>(() => {});
            first = false;
            return Promise.resolve({ done: false, value: Buffer.from("first") });
          },
          return: async () => {
            stopped = true;
            return { done: true, value: undefined } as const;
          },
        };
      },
    };
    const server = await answering("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    const one = aClient(server.url);
    const response = await one.send(post(waits), never());
    expect(response.status).toBe(413);
    expect((await readAll(response.body)).toString()).toBe("no");
    await until("the stream is told", () => stopped);
    await until("the connection is given up", () => server.connections[0]?.socket.destroyed === true);
    expect(server.connections[0]?.received()).not.toContain("\r\n0\r\n");
    expect(one.inFlight).toBe(0);
  });
});

describe("back-pressure", () => {
  const SIZE = 64 * 1024 * 1024;
  const flood = () => {
    const progress = { written: 0 };
    const server = rawServer(({ socket }) => {
      const block = Buffer.alloc(65_536, "x");
      const pump = () => {
        while (progress.written < SIZE && !socket.destroyed) {
          progress.written += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
      socket.on("drain", pump);
      pump();
    });
    return { progress, server };
  };

  it("stops the origin while the reader stops, and loses nothing", async () => {
    const { progress, server } = flood();
    const response = await aClient((await server).url).send(get(), never());
    const reader = response.body[Symbol.asyncIterator]();
    let read = (await reader.next()).value?.length ?? 0;
    await standstill(() => progress.written);
    expect(progress.written).toBeLessThan(SIZE / 2);
    for (;;) {
      const { done, value } = await reader.next();
      if (done === true) break;
      read += value.length;
    }
    expect(read).toBe(SIZE);
  });

  it("gives up on a body that nobody begins to read", async () => {
    const { server } = flood();
    const raw = await server;
    const one = aClient(raw.url, { bodyTimeoutMs: 50 });
    const response = await one.send(get(), never());
    await until("the connection is given up", () => raw.connections[0]?.socket.destroyed === true);
    expect(one.inFlight).toBe(0);
    expect(await rejection(readAll(response.body))).toMatchObject({ code: "timeout" });
  });

  it("frees the connection when the reader leaves in the middle", async () => {
    const { server } = flood();
    const raw = await server;
    const one = aClient(raw.url);
    const response = await one.send(get(), never());
    for await (const _chunk of response.body) break;
    expect(one.inFlight).toBe(0);
    await until("the connection is given up", () => raw.connections[0]?.socket.destroyed === true);
  });
});

describe("an abort", () => {
  it("that came before sends nothing", async () => {
    const server = await answering(OK);
    const reason = new Error("too late");
    const one = aClient(server.url);
    expect(await rejection(one.send(get(), AbortSignal.abort(reason)))).toBe(reason);
    expect(server.connections).toHaveLength(0);
    expect(one.inFlight).toBe(0);
  });

  it("rejects with its reason while the head is awaited, and frees the connection", async () => {
    const server = await answering("");
    const one = aClient(server.url);
    const leaving = new AbortController();
    const answer = rejection(one.send(get(), leaving.signal));
    await until(
      "the request is there",
      () => server.connections[0]?.received().endsWith("\r\n\r\n") === true,
    );
    const reason = new Error("left");
    leaving.abort(reason);
    expect(await answer).toBe(reason);
    expect(one.inFlight).toBe(0);
    await until("the connection is closed", () => server.connections[0]?.socket.destroyed === true);
  });

  it("rejects at once while undici still connects, and the slot comes back when that is over", async () => {
    const server = await rawServer(() => {});
    const one = aClient(`https://127.0.0.1:${server.port}`, { connectTimeoutMs: 100 });
    const leaving = new AbortController();
    const answer = rejection(one.send(get(), leaving.signal));
    leaving.abort(new Error("left"));
    expect(await answer).toMatchObject({ message: "left" });
    expect(one.inFlight).toBe(1);
    await until("undici has given up", () => one.inFlight === 0);
  });

  it("while undici connects leaves the connection to the next request", async () => {
    const server = await answering(OK);
    const one = aClient(server.url, { connections: 1 });
    const leaving = new AbortController();
    const answer = rejection(one.send(get("/aborted"), leaving.signal));
    leaving.abort(new Error("left"));
    await answer;
    await readAll((await one.send(get("/next"), never())).body);
    expect(server.connections).toHaveLength(1);
    expect(server.connections[0]?.received()).not.toContain("/aborted");
  });

  it("ends a body that is being read, with its reason", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    const failures: unknown[] = [];
    const one = aClient(server.url, { bodyFailed: (error) => failures.push(error) });
    const leaving = new AbortController();
    const response = await one.send(get(), leaving.signal);
    const reader = response.body[Symbol.asyncIterator]();
    expect(Buffer.from((await reader.next()).value).toString()).toBe("half");
    const rest = rejection(reader.next());
    const reason = new Error("left");
    leaving.abort(reason);
    expect(await rest).toBe(reason);
    expect(failures).toEqual([]);
    await until("the connection is closed", () => server.connections[0]?.socket.destroyed === true);
  });

  it("that comes after the end harms nobody", async () => {
    const server = await answering(OK);
    const one = aClient(server.url);
    const leaving = new AbortController();
    const response = await one.send(get(), leaving.signal);
    await readAll(response.body);
    leaving.abort();
    await new Promise(setImmediate);
    await readAll((await one.send(get(), never())).body);
    expect(server.connections).toHaveLength(1);
  });
});

describe("slots", () => {
  const silent = () => answering("");
  it("bound what is under way and what waits; the next one is overloaded", async () => {
    const server = await silent();
    const one = aClient(server.url, { connections: 2, queue: 3 });
    const leaving = new AbortController();
    const under = Array.from({ length: 5 }, (_, i) => rejection(one.send(get(`/${i}`), leaving.signal)));
    for (let i = 0; i < 20; i++) {
      expect(await rejection(one.send(get(`/more-${i}`), never()))).toMatchObject({ code: "overloaded" });
    }
    expect(one.inFlight).toBe(5);
    await until("two requests are there", () => server.connections.length === 2);
    leaving.abort(new Error("left"));
    await Promise.all(under);
    expect(one.inFlight).toBe(0);
    expect(server.connections).toHaveLength(2);
  });

  it("are given in order of arrival, and a waiting request that is aborted leaves the queue", async () => {
    const order: string[] = [];
    const server = await rawServer(({ socket }, head) => {
      order.push(head.split(" ")[1] as string);
      setImmediate(() => socket.write(OK));
    });
    const one = aClient(server.url, { connections: 1, queue: 3 });
    const leaving = new AbortController();
    const read = async (target: string) => readAll((await one.send(get(target), never())).body);
    const first = read("/1");
    const second = read("/2");
    const left = rejection(one.send(get("/left"), leaving.signal));
    const third = read("/3");
    leaving.abort(new Error("left"));
    await left;
    const fourth = read("/4");
    await Promise.all([first, second, third, fourth]);
    expect(order).toEqual(["/1", "/2", "/3", "/4"]);
  });

  it("are not waited for after an abort, which makes room for another at once", async () => {
    const server = await silent();
    const one = aClient(server.url, { connections: 1, queue: 1 });
    const leaving = new AbortController();
    const holding = rejection(one.send(get("/holds"), never()));
    const waiting = rejection(one.send(get("/waits"), leaving.signal));
    const reason = new Error("left");
    leaving.abort(reason);
    expect(await waiting).toBe(reason);
    expect(one.inFlight).toBe(1);
    const next = rejection(one.send(get("/next"), never()));
    expect(one.inFlight).toBe(2);
    await one.close();
    expect(await Promise.all([holding, next])).toMatchObject([{ code: "reset" }, { code: "reset" }]);
  });

  it("are waited for no longer than the time for a head", async () => {
    const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    const one = aClient(server.url, { connections: 1, headersTimeoutMs: 50 });
    await one.send(get(), never());
    expect(await rejection(one.send(get(), never()))).toMatchObject({ code: "overloaded" });
    expect(one.inFlight).toBe(1);
  });
});

it("close ends everything that is under way or waits", async () => {
  const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  const one = aClient(server.url, { connections: 1 });
  const response = await one.send(get(), never());
  const reading = rejection(readAll(response.body));
  const waiting = rejection(one.send(get(), never()));
  await one.close();
  expect(await reading).toMatchObject({ code: "reset" });
  expect(await waiting).toMatchObject({ code: "reset" });
  expect(await rejection(one.send(get(), never()))).toBeInstanceOf(OriginError);
});

it("originOf takes scheme, host and port, and nothing else", () => {
  expect(originOf("http://a.example:8080")).toBe("http://a.example:8080");
  expect(originOf("https://a.example:443/")).toBe("https://a.example");
  for (const wrong of ["ftp://a", "http://a/base", "http://a/?q", "http://u@a/", "a:80"]) {
    expect(() => originOf(wrong)).toThrow();
  }
});
