import { describe, expect, it } from "vitest";
import { FLOOD, MAX_INTERIM, MAX_INTERIM_BYTES } from "../../src/origin/interim.ts";
import { createUpgrader } from "../../src/origin/upgrade.ts";
import { aClient, aPool, CLIENT, get, never, readAll, rejection } from "./asking.ts";
import { answering, OK, rawServer } from "./raw-server.ts";

type Heard = [status: number, fields: readonly string[]];
/** A request that remembers the interim responses to it. */
function listening() {
  const heard: Heard[] = [];
  const onInterim = (status: number, fields: readonly string[]) => void heard.push([status, fields]);
  return { heard, request: { ...get(), onInterim } };
}
const interim = (status: number, ...lines: string[]) =>
  `${[`HTTP/1.1 ${status} Some Phrase`, ...lines].join("\r\n")}\r\n\r\n`;

describe("interim responses", () => {
  it("are handed on in their order with their lines as they came, before the final one", async () => {
    const early = interim(103, "Link: </a.css>; rel=preload", "link: </caf\xe9>", "Link: </a.css>");
    const server = await answering(early + interim(102) + interim(199, "X: 1") + OK);
    const { heard, request } = listening();
    const response = await aClient(server.url).send(request, never());
    expect(heard).toEqual([
      [103, ["Link", "</a.css>; rel=preload", "link", "</caf\xe9>", "Link", "</a.css>"]],
      [102, []],
      [199, ["X", "1"]],
    ]);
    expect([response.status, response.fields]).toEqual([200, ["Content-Length", "2"]]);
    expect((await readAll(response.body)).toString()).toBe("ok");
  });

  it("are handed on while the final one is awaited", async () => {
    const server = await rawServer(({ socket }) => socket.write(interim(103, "Link: </a>")));
    const one = aClient(server.url);
    const first = Promise.withResolvers<Heard>();
    const onInterim = (...heard: Heard) => first.resolve(heard);
    const answer = one.send({ ...get(), onInterim }, never());
    expect(await first.promise).toEqual([103, ["Link", "</a>"]]);
    server.connections[0]?.socket.write(OK);
    expect((await readAll((await answer).body)).toString()).toBe("ok");
  });

  it("beyond so many are dropped, and the final one comes all the same", async () => {
    const flood = Array.from({ length: 500 }, (_, i) => interim(103, `X-Nth: ${i}`)).join("");
    const server = await answering(flood + OK);
    const { heard, request } = listening();
    const response = await aClient(server.url).send(request, never());
    expect((await readAll(response.body)).toString()).toBe("ok");
    expect(heard.map(([, [, nth]]) => nth)).toEqual(Array.from({ length: MAX_INTERIM }, (_, i) => String(i)));
  });

  it("beyond a flood end the connection", async () => {
    const server = await answering(interim(102).repeat(FLOOD + 1) + OK);
    const one = aClient(server.url);
    expect(await rejection(one.send(listening().request, never()))).toMatchObject({ code: "malformed" });
    expect(one.inFlight).toBe(0);
  });

  it("beyond so many bytes are dropped", async () => {
    const third = interim(103, `X: ${"x".repeat(MAX_INTERIM_BYTES / 3)}`);
    const server = await answering(third + third + third + interim(103, "Link: </a>") + OK);
    const { heard, request } = listening();
    await readAll((await aClient(server.url).send(request, never())).body);
    expect(heard).toHaveLength(2);
  });

  it("that never end are a timeout, though each of them came in time", async () => {
    const server = await rawServer(({ socket }) => {
      const timer = setInterval(() => socket.write(interim(102)), 5);
      socket.once("close", () => clearInterval(timer));
    });
    const one = aClient(server.url, { headersTimeoutMs: 300 });
    expect(await rejection(one.send(listening().request, never()))).toMatchObject({ code: "timeout" });
    expect(one.inFlight).toBe(0);
  });

  it("belong to their own request when a connection is used again", async () => {
    const server = await rawServer(({ socket }, _head, nth) =>
      socket.write(interim(103, `X-Nth: ${nth}`) + OK),
    );
    const one = aClient(server.url);
    for (const nth of ["0", "1"]) {
      const { heard, request } = listening();
      await readAll((await one.send(request, never())).body);
      await new Promise(setImmediate);
      expect(heard).toEqual([[103, ["X-Nth", nth]]]);
    }
    expect(server.connections).toHaveLength(1);
  });

  it("to a wish to change protocols are handed on too, and within the same bound; a 100 is not, and counts", async () => {
    const flood = Array.from({ length: 50 }, () => interim(103, "Link: </a>")).join("");
    const switched = "HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    const server = await answering(`${interim(100)}${flood}${switched}`);
    const { heard, request } = listening();
    const upgrade = createUpgrader(aPool([server.url]), { ...CLIENT, emit: () => {} });
    const upgraded = await upgrade({ ...request, upgrade: "x" }, never());
    expect(upgraded.type).toBe("switched");
    if (upgraded.type === "switched") upgraded.socket.destroy();
    expect(heard).toEqual(Array.from({ length: MAX_INTERIM - 1 }, () => [103, ["Link", "</a>"]]));
  });
});

describe("trailers", () => {
  const chunked = (trailers: string) =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\n${trailers}\r\n`;

  it("are there when the body has ended, as they came, and not before", async () => {
    const server = await answering(chunked("X-Sum:  9 \r\nx-LATIN: caf\xe9\r\nX-Sum: 10\r\n"));
    const response = await aClient(server.url).send(get(), never());
    expect(response.fields).toEqual(["Transfer-Encoding", "chunked", "Trailer", "X-Sum"]);
    expect((await readAll(response.body)).toString()).toBe("abc");
    expect(response.trailers?.()).toEqual(["X-Sum", "9", "x-LATIN", "caf\xe9", "X-Sum", "10"]);
  });

  it("are none where there are none, or when the body broke off", async () => {
    const server = await rawServer(({ socket }, head) => {
      if (head.includes("/none")) socket.write(chunked(""));
      else socket.end(chunked("X-Sum: 9\r\n").slice(0, -2));
    });
    const none = await aClient(server.url).send(get("/none"), never());
    await readAll(none.body);
    expect(none.trailers?.()).toEqual([]);
    const broken = await aClient(server.url).send(get("/broken"), never());
    await rejection(readAll(broken.body));
    expect(broken.trailers?.()).toEqual([]);
  });

  it("that are too large break the body off", async () => {
    const server = await answering(chunked(`X-Sum: ${"9".repeat(20_000)}\r\n`));
    const response = await aClient(server.url).send(get(), never());
    expect(await rejection(readAll(response.body))).toMatchObject({ code: "malformed" });
  });
});
