import { describe, expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { askH2, h2Client, type SecureSite, startSecureSite } from "../scenario/secure-site.ts";
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  GET,
  type Line,
  literal,
  type RawH2,
  rawH2,
  section,
} from "./h2-raw.ts";

const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const FRAME_SIZE_ERROR = 6;
const CANCEL = 8;

const code = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const WITH_BODY: readonly Line[] = [[":method", "POST"], ...GET.slice(1, 3), [":path", "/upload"]];
const instead = (name: string, value?: string): readonly Line[] => [
  ...GET.filter(([each]) => each !== name),
  ...(value === undefined ? [] : [[name, value] as const]),
];

/** Others are served as before. */
async function servesOthers(site: SecureSite): Promise<void> {
  expect((await askH2(h2Client(site), { ":path": "/data?id=9" })).status).toBe(200);
}

describe("a field section", () => {
  it.each<[string, readonly Line[]]>([
    ["Connection", [...GET, ["connection", "close"]]],
    ["Keep-Alive", [...GET, ["keep-alive", "timeout=5"]]],
    ["Proxy-Connection", [...GET, ["proxy-connection", "close"]]],
    ["Transfer-Encoding", [...GET, ["transfer-encoding", "chunked"]]],
    ["Upgrade", [...GET, ["upgrade", "websocket"]]],
    ["TE that is not trailers", [...GET, ["te", "gzip"]]],
    ["a name in upper case", [...GET, ["X-Upper", "1"]]],
    ["a pseudo-field behind another field", [...GET.slice(0, 3), ["x-a", "1"], GET[3] as Line]],
    ["a pseudo-field twice", [...GET, [":path", "/other"]]],
    ["a pseudo-field that is not known", [...GET, [":version", "1"]]],
    ["a pseudo-field of answers", [...GET, [":status", "200"]]],
    ["no method", instead(":method")],
    ["no scheme", instead(":scheme")],
    ["no path", instead(":path")],
    ["an empty path", instead(":path", "")],
    ["a path that is an absolute URI", instead(":path", "http://evil.example/")],
    ["a path with a space and a version", instead(":path", "/ HTTP/1.1\r\nHost: evil")],
    ["a method with a space", instead(":method", "GET /x")],
    ["an authority with a user", instead(":authority", "user@a.example")],
    ["an authority with a path", instead(":authority", "a.example/x")],
    ["no authority and no Host", instead(":authority")],
    ["two different Hosts", [...instead(":authority"), ["host", "a.example"], ["host", "b.example"]]],
    ["a Host that is not the authority", [...GET, ["host", "b.example"]]],
    ["Content-Length twice", [...WITH_BODY, ["content-length", "1"], ["content-length", "2"]]],
    ["Content-Length with a sign", [...WITH_BODY, ["content-length", "+1"]]],
    ["Content-Length as a list", [...WITH_BODY, ["content-length", "1, 1"]]],
    ["Content-Length of content that does not come", [...WITH_BODY, ["content-length", "1"]]],
  ])("with %s is refused alone, and no origin hears of it", async (_, lines) => {
    const origin = await startOrigin((_, response) => response.end("x"));
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = await rawH2(site);
    client.headers(1, lines);
    const refused = () => refusalOf(client, 1);
    await site.until("it is refused", () => refused() !== undefined);
    expect(refused()).toMatch(/^(reset with 1|answered 400)$/);
    expect(origin.requests).toEqual([]);
    client.headers(3, GET);
    expect(statusIn((await client.sees(FRAME.HEADERS, 3)).payload)).toBe(200);
  });

  it.each<[string, Line]>([
    ["a name with a space", ["x y", "1"]],
    ["a name with a colon", ["x:y", "1"]],
    ["an empty name", ["", "1"]],
    ["a line end in a value", ["x-a", "1\r\nx-b: 2"]],
    ["a NUL in a value", ["x-a", "1\0"]],
    ["a control byte in a value", ["x-a", "1\x01"]],
  ])("with %s goes on without that line", async (_, line) => {
    const origin = await startOrigin((_, response) => response.end("x"));
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = await rawH2(site);
    client.headers(1, [...GET, line]);
    await client.sees(FRAME.HEADERS, 1);
    const names = origin.requests[0]?.rawHeaders.filter((_, i) => i % 2 === 0);
    const ours = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id", "via"];
    expect(names?.map((name) => name.toLowerCase())).toEqual(["host", "connection", ...ours]);
  });

  it("that is longer than MAX_HEADER_BYTES costs its own request, sent at once or in pieces", async () => {
    const site = await startSecureSite({ MAX_HEADER_BYTES: "8KiB" });
    const client = await rawH2(site);
    const long = section([...GET, ["x-long", "a".repeat(12_000)]]);
    client.send(FRAME.HEADERS, END_STREAM, 1, long.subarray(0, 10_000));
    client.send(FRAME.CONTINUATION, END_HEADERS, 1, long.subarray(10_000));
    expect(statusIn((await client.sees(FRAME.HEADERS, 1)).payload)).toBe(431);
    client.headers(3, GET);
    expect(statusIn((await client.sees(FRAME.HEADERS, 3)).payload)).toBe(200);
  });

  it("of which each byte stands for 4 KiB is not unpacked without end", async () => {
    const site = await startSecureSite();
    const client = await rawH2(site);
    // One line goes into the table (RFC 7541 §6.2.1), and each byte behind it repeats that.
    const kept = literal(["x-bomb", "a".repeat(4000)]);
    kept[0] = 0x40;
    const bomb = Buffer.concat([section(GET), kept, Buffer.alloc(12_000, 0x80 | 62)]);
    client.send(FRAME.HEADERS, END_HEADERS | END_STREAM, 1, bomb);
    await site.until("it is refused", () => refusalOf(client, 1) !== undefined || client.socket.closed);
    expect(refusalOf(client, 1) ?? "closed").toMatch(/^(reset with \d+|answered 431|closed)$/);
    await servesOthers(site);
  });

  it("without end ends its connection (CVE-2024-27316)", async () => {
    const site = await startSecureSite();
    const client = await rawH2(site);
    client.send(FRAME.HEADERS, END_STREAM, 1, section(GET));
    for (let i = 0; i < 200; i++) client.send(FRAME.CONTINUATION, 0, 1, section([["x-a", "a".repeat(1000)]]));
    expect(await client.ended()).not.toBe(NO_ERROR);
    await servesOthers(site);
  });

  it("that never ends ends its connection after HEADERS_TIMEOUT", async () => {
    const site = await startSecureSite({ HEADERS_TIMEOUT: "200ms" });
    const client = await rawH2(site);
    client.send(FRAME.HEADERS, END_STREAM, 1, section(GET).subarray(0, 20));
    await client.ended();
    await servesOthers(site);
  });
});

describe("content", () => {
  it.each([
    ["is longer than Content-Length", "2", "bc"],
    ["is shorter than Content-Length", "3", "b"],
  ])("that %s cuts the request at the origin", async (_, length, rest) => {
    const { site, client, cut } = await uploading();
    client.headers(1, [...WITH_BODY, ["content-length", length]], END_HEADERS);
    client.send(FRAME.DATA, 0, 1, Buffer.from("a"));
    await site.until("it is at the origin", () => cut.begun === 1);
    client.send(FRAME.DATA, END_STREAM, 1, Buffer.from(rest));
    // The stream is reset, or the whole connection ended.
    await site.until("it is refused", () => refusalOf(client, 1) !== undefined || client.socket.closed);
    await site.until("it is cut", () => cut.ended === 1);
    expect(cut.whole).toBe(0);
  });

  it.each([
    ["NO_ERROR", NO_ERROR],
    ["CANCEL", CANCEL],
    ["an error", PROTOCOL_ERROR],
  ])("behind which the client resets with %s is never completed at the origin", async (_, reset) => {
    const { site, client, cut } = await uploading();
    client.headers(1, WITH_BODY, END_HEADERS);
    client.send(FRAME.DATA, 0, 1, Buffer.from("part"));
    await site.until("it is at the origin", () => cut.begun === 1);
    client.send(FRAME.RST_STREAM, 0, 1, code(reset));
    await site.until("it is cut", () => cut.ended === 1);
    expect(cut.whole).toBe(0);
  });

  it("has trailers that go no further", async () => {
    const { client, site, cut, trailers } = await uploading();
    client.headers(1, WITH_BODY, END_HEADERS);
    client.send(FRAME.DATA, 0, 1, Buffer.from("all"));
    client.headers(1, [["x-trailer", "1"]]);
    await site.until("it is whole", () => cut.whole === 1);
    expect(trailers).toEqual([[]]);
  });

  it("beyond the window that was given ends its connection", async () => {
    const origin = await startOrigin((request) => request.pause());
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = await rawH2(site);
    const settings = () => client.frames.filter(({ type }) => type === FRAME.SETTINGS).length;
    // Until then another window counts, which is smaller.
    await site.until("settings are agreed", () => settings() > 1);
    client.headers(1, WITH_BODY, END_HEADERS);
    for (let i = 0; i < 1000; i++) client.send(FRAME.DATA, 0, 1, Buffer.alloc(16_384));
    expect(await client.ended()).toBe(FLOW_CONTROL_ERROR);
  });
});

describe("a flood", () => {
  it("of requests that are reset at once ends its connection (CVE-2023-44487)", async () => {
    let asked = 0;
    const origin = await startOrigin(() => {
      asked++;
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = await rawH2(site);
    for (let i = 0; i < 3000; i++) {
      const stream = 2 * i + 1;
      client.headers(stream, instead(":path", `/${i}`));
      client.send(FRAME.RST_STREAM, 0, stream, code(CANCEL));
    }
    await client.ended();
    expect(asked).toBeLessThan(1100);
  });

  it("of requests that this side has to reset ends its connection (CVE-2025-8671)", async () => {
    const site = await startSecureSite();
    const client = await rawH2(site);
    for (let i = 0; i < 3000; i++) {
      const stream = 2 * i + 1;
      client.headers(stream, WITH_BODY, END_HEADERS);
      client.send(FRAME.WINDOW_UPDATE, 0, stream, code(0));
    }
    await client.ended();
    await servesOthers(site);
  });

  it.each<[string, (client: RawH2, i: number) => void]>([
    ["of pings", (client) => client.send(FRAME.PING, 0, 0, Buffer.alloc(8))],
    ["of settings", (client) => client.send(FRAME.SETTINGS, 0, 0)],
    ["of empty frames", (client) => client.send(FRAME.DATA, 0, 1)],
  ])("%s ends its connection", async (_, send) => {
    const site = await startSecureSite();
    const client = await rawH2(site);
    client.headers(1, WITH_BODY, END_HEADERS);
    for (let i = 0; i < 5000; i++) send(client, i);
    await client.ended();
    await servesOthers(site);
  });

  it.each([
    ["of pings", FRAME.PING, 8],
    ["of settings", FRAME.SETTINGS, 0],
  ])("%s that waits for each answer ends its connection as well", async (_, type, bytes) => {
    const site = await startSecureSite();
    const client = await rawH2(site);
    const answers = () => client.frames.filter((each) => each.type === type && each.flags === 1).length;
    for (let sent = 0; sent < 3000 && !client.socket.closed; sent += 50) {
      for (let i = 0; i < 50; i++) client.send(type, 0, 0, Buffer.alloc(bytes));
      await site.until("they are answered", () => answers() >= sent + 50 || client.socket.closed);
    }
    expect(client.socket.closed).toBe(true);
    expect(answers()).toBeGreaterThan(500);
  });

  it("of requests at once is bounded by HTTP2_STREAMS", async () => {
    const origin = await startOrigin(() => {});
    const site = await startSecureSite({ ORIGINS: origin.url, HTTP2_STREAMS: "10" });
    const client = await rawH2(site);
    await client.sees(FRAME.SETTINGS);
    await site.until(
      "settings are agreed",
      () => client.frames.filter(({ type }) => type === FRAME.SETTINGS).length > 1,
    );
    for (let i = 0; i < 30; i++) client.headers(2 * i + 1, instead(":path", `/${i}`));
    expect(await client.ended()).toBe(PROTOCOL_ERROR);
    expect(origin.requests.length).toBeLessThanOrEqual(10);
  });
});

describe("a client", () => {
  it("that gives no window is cut after WRITE_TIMEOUT", async () => {
    const site = await startSecureSite({ WRITE_TIMEOUT: "200ms" });
    const client = await rawH2(site, [[4, 0]]);
    client.headers(1, GET);
    await client.sees(FRAME.HEADERS, 1);
    await client.sees(FRAME.RST_STREAM, 1);
    const aborted = site.events.filter((event) => event.type === "answered" && event.aborted);
    expect(aborted).toHaveLength(1);
  });

  it("that asks for nothing is closed after HEADERS_TIMEOUT, and after KEEP_ALIVE_TIMEOUT where it has", async () => {
    const site = await startSecureSite({ HEADERS_TIMEOUT: "200ms", KEEP_ALIVE_TIMEOUT: "300ms" });
    const silent = await rawH2(site);
    expect(await silent.ended()).toBe(NO_ERROR);
    const asked = await rawH2(site);
    asked.headers(1, GET);
    await asked.sees(FRAME.HEADERS, 1);
    expect(await asked.ended()).toBe(NO_ERROR);
  });

  it("that sends its content too slowly for REQUEST_TIMEOUT is reset", async () => {
    const { client, site, cut } = await uploading({ HEADERS_TIMEOUT: "100ms", REQUEST_TIMEOUT: "300ms" });
    client.headers(1, WITH_BODY, END_HEADERS);
    client.send(FRAME.DATA, 0, 1, Buffer.from("part"));
    await site.until("it is at the origin", () => cut.begun === 1);
    expect((await client.sees(FRAME.RST_STREAM, 1)).payload).toEqual(code(CANCEL));
    await site.until("it is cut", () => cut.ended === 1);
  });

  it.each<[string, number, (client: RawH2) => void]>([
    [
      "a frame that is too long",
      FRAME_SIZE_ERROR,
      (client) => client.send(FRAME.DATA, 0, 1, Buffer.alloc(20_000)),
    ],
    ["content on no stream", PROTOCOL_ERROR, (client) => client.send(FRAME.DATA, 0, 0, [1])],
    ["a stream with an even number", PROTOCOL_ERROR, (client) => client.headers(2, GET)],
    ["a promise", PROTOCOL_ERROR, (client) => client.send(FRAME.PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2])],
    ["what are no frames", FRAME_SIZE_ERROR, (client) => client.socket.write("GET / HTTP/1.1\r\n\r\n")],
  ])("that sends %s loses its connection", async (_, reason, send) => {
    const site = await startSecureSite();
    const client = await rawH2(site);
    client.headers(1, WITH_BODY, END_HEADERS);
    send(client);
    expect(await client.ended()).toBe(reason);
    await servesOthers(site);
  });
});

/** A site whose origin counts uploads, and a client of it. */
async function uploading(settings = {}) {
  const cut = { begun: 0, ended: 0, whole: 0 };
  const trailers: string[][] = [];
  const origin = await startOrigin((request, response) => {
    // Of HTTP/2's own clients, which ask for other things.
    if (request.method !== "POST") return void response.end("x");
    cut.begun++;
    request.on("error", () => {}).resume();
    request.on("close", () => {
      cut.ended++;
      if (!request.complete) return;
      cut.whole++;
      trailers.push(request.rawTrailers);
    });
  });
  const site = await startSecureSite({ ORIGINS: origin.url, ...settings });
  return { site, client: await rawH2(site), cut, trailers };
}

/** How a stream was refused, if it was. */
function refusalOf(client: RawH2, stream: number): string | undefined {
  const refused = client.frames.find(
    (each) => each.stream === stream && (each.type === FRAME.RST_STREAM || each.type === FRAME.HEADERS),
  );
  if (refused === undefined) return undefined;
  return refused.type === FRAME.RST_STREAM
    ? `reset with ${refused.payload.readUInt32BE(0)}`
    : `answered ${statusIn(refused.payload)}`;
}

/** The status that a field section begins with: an entry of the static table, or a literal of three digits. */
function statusIn(payload: Buffer): number {
  const indexed: Record<number, number> = {
    136: 200,
    137: 204,
    138: 206,
    139: 304,
    140: 400,
    141: 404,
    142: 500,
  };
  const first = payload[0] ?? 0;
  // Digits take 5 or 6 bits each in Huffman's code (RFC 7541 Appendix B).
  const known = indexed[first];
  if (known !== undefined) return known;
  const huffman = ((payload[1] ?? 0) & 0x80) !== 0;
  const bytes = payload.subarray(2, 2 + ((payload[1] ?? 0) & 0x7f));
  return Number(huffman ? digitsOf(bytes) : bytes.toString("latin1"));
}

function digitsOf(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let digits = "";
  while (digits.length < 3) {
    const short = Number.parseInt(bits.slice(0, 5), 2);
    if (short < 3) {
      digits += short;
      bits = bits.slice(5);
    } else {
      digits += Number.parseInt(bits.slice(0, 6), 2) - 0x19 + 3;
      bits = bits.slice(6);
    }
  }
  return digits;
}
