import { describe, expect, it } from "vitest";
import { rawClient } from "../scenario/raw.ts";
import { type Watched, watched, writeAll } from "./drive.ts";
import { bytes, get, HOST, post } from "./rows.ts";

const SITES: readonly Watched[] = [watched(), watched({ PLAIN_LANE: "off" })];

const UPLOADS: readonly (readonly [string, string])[] = [
  ["by its length", post("hello, world", "Content-Length: 12")],
  ["in chunks", post("5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nX: 1\r\n\r\n", "Transfer-Encoding: chunked")],
  ["of a GET", bytes("GET /a HTTP/1.1", [HOST, "Content-Length: 5"], "hello")],
];

/** Ways in which a client goes away. */
const LEAVES: Readonly<Record<string, (client: Awaited<ReturnType<typeof rawClient>>) => void>> = {
  "ends its side": ({ socket }) => void socket.end(),
  resets: ({ socket }) => void socket.resetAndDestroy(),
};

describe.each(UPLOADS)("an upload %s that stops anywhere", (_, upload) => {
  it.each(Object.entries(LEAVES))(
    "because its client %s is never completed for the origin",
    async (_way, leave) => {
      const body = upload.indexOf("\r\n\r\n") + 4;
      for (const { port, reached } of SITES) {
        for (let length = body; length < upload.length; length++) {
          const client = await rawClient(port());
          await writeAll(client, [upload.slice(0, length - 1), upload.slice(length - 1, length)]);
          leave(client);
          const seen = await client.end();
          expect(seen, `after ${length} bytes`).not.toContain(" 200 OK");
        }
        const { requests, ambiguous } = await reached();
        expect({ requests, ambiguous }).toEqual({ requests: [], ambiguous: [] });
      }
    },
  );

  it("and is whole after all reaches the origin once", async () => {
    for (const { port, reached } of SITES) {
      const client = await rawClient(port());
      await writeAll(client, [...upload]);
      await client.sees(/<(?:GET|POST) \/a>$/);
      client.socket.destroy();
      expect((await reached()).requests).toHaveLength(1);
    }
  });
});

it("a cut upload does not go on with the next client's bytes on the origin's connection", async () => {
  for (const { port, reached } of SITES) {
    const cut = await rawClient(port());
    cut.write(post("hel", "Content-Length: 40"));
    await new Promise((resolve) => setImmediate(resolve));
    const next = await rawClient(port());
    next.write(get("Connection: close"));
    cut.socket.resetAndDestroy();
    expect(await next.end()).toContain("<GET /a>");
    const { requests, ambiguous } = await reached();
    expect(requests.map(({ method, body }) => ({ method, body }))).toEqual([{ method: "GET", body: "" }]);
    expect(ambiguous).toEqual([]);
  }
});

describe("a GET with content", () => {
  const STORING = [watched({}, "max-age=3600"), watched({ PLAIN_LANE: "off" }, "max-age=3600")];
  const fat = (path: string, body: string, method = "GET") =>
    bytes(`${method} ${path} HTTP/1.1`, [HOST, "Connection: close", `Content-Length: ${body.length}`], body);
  const plain = (path: string) => bytes(`GET ${path} HTTP/1.1`, [HOST, "Connection: close"]);

  async function asked(site: Watched, sent: string): Promise<string> {
    const client = await rawClient(site.port());
    client.write(sent);
    return /\r\nX-Cache: (\w+)/.exec(await client.end())?.[1] ?? "nothing";
  }

  it.each(["GET", "HEAD"])(
    "is passed to the origin, and what comes back is stored for nobody: %s",
    async (method) => {
      for (const site of STORING) {
        const path = `/first-${method}`;
        expect(await asked(site, fat(path, "poison", method))).toBe("BYPASS");
        expect(await asked(site, plain(path))).toBe("MISS");
        expect(await asked(site, plain(path))).toBe("HIT");
        expect((await site.reached()).requests.map(({ body }) => body)).toEqual(["poison", ""]);
      }
    },
  );

  it("gets nothing that is stored, since its content may ask for something else", async () => {
    for (const site of STORING) {
      expect(await asked(site, plain("/second"))).toBe("MISS");
      expect(await asked(site, fat("/second", "other"))).toBe("BYPASS");
      expect(await asked(site, plain("/second"))).toBe("HIT");
      expect((await site.reached()).requests.map(({ body }) => body)).toEqual(["", "other"]);
    }
  });

  it("in chunks is no different", async () => {
    for (const site of STORING) {
      const chunked = bytes(
        "GET /third HTTP/1.1",
        [HOST, "Connection: close", "Transfer-Encoding: chunked"],
        "5\r\nother\r\n0\r\n\r\n",
      );
      expect(await asked(site, plain("/third"))).toBe("MISS");
      expect(await asked(site, chunked)).toBe("BYPASS");
      expect(await asked(site, plain("/third"))).toBe("HIT");
    }
  });
});
