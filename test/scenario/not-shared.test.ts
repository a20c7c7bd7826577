import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { type Answer, startSite } from "./site.ts";

/** Answers each client with a page of its own, which nobody else may ever see. */
const ownPage = (fields: Record<string, string>) => (request: IncomingMessage, response: ServerResponse) => {
  const who = request.headers.cookie ?? request.headers.authorization ?? "nobody";
  response.writeHead(200, fields).end(`for ${who}`);
};

const ROWS: readonly (readonly [string, Record<string, string>])[] = [
  ["Set-Cookie", { "Set-Cookie": "session=1; Path=/", "Cache-Control": "public, max-age=60" }],
  ["private", { "Cache-Control": "private, max-age=60" }],
  ["no-store", { "Cache-Control": "no-store" }],
  ["Vary: *", { "Cache-Control": "max-age=60", Vary: "*" }],
  ["Vary: Cookie", { "Cache-Control": "max-age=60", Vary: "Cookie" }],
];

const CLIENTS = 20;

const everyone = (get: (i: number) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: CLIENTS }, (_, i) => get(i)));

const pages = Array.from({ length: CLIENTS }, (_, i) => `for user=${i}`);

describe.each(ROWS)("a response with %s", (_, fields) => {
  it("is never another client's, at once or later", async () => {
    const origin = await startOrigin(ownPage(fields));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    for (let round = 0; round < 3; round++) {
      const answers = await everyone((i) => site.get("/account", { Cookie: `user=${i}` }));
      expect(answers.map(({ text }) => text)).toEqual(pages);
    }
  });
});

describe.each(ROWS.filter(([name]) => name !== "Vary: Cookie"))(
  "a key that answered with %s",
  (_, fields) => {
    it("is remembered: nobody queues for it again, and everybody reaches the origin", async () => {
      const waiting: (() => void)[] = [];
      let hold = false;
      const origin = await startOrigin((request, response) => {
        const answer = () => ownPage(fields)(request, response);
        if (hold) waiting.push(answer);
        else answer();
      });
      const site = await startSite({ settings: { ORIGINS: origin.url } });
      expect((await site.get("/account", { Cookie: "user=first" })).text).toBe("for user=first");
      hold = true;
      const answers = everyone((i) => site.get("/account", { Cookie: `user=${i}` }));
      // None is answered before all have asked: whoever waited for another would wait for ever.
      await site.until("everybody has reached the origin", () => waiting.length === CLIENTS);
      for (const answer of waiting) answer();
      expect((await answers).map(({ text }) => text)).toEqual(pages);
      expect((await site.admin("/stats")).json()).toMatchObject({ coalesced: 0, stored: 0, hits: 0 });
    });
  },
);

it("a crowd whose first answer is not for it goes on side by side, as many as there are connections", async () => {
  const waiting: (() => void)[] = [];
  const CONNECTIONS = 8;
  const fields = { "Set-Cookie": "session=1", "Cache-Control": "max-age=60" };
  const origin = await startOrigin((request, response) =>
    waiting.push(() => ownPage(fields)(request, response)),
  );
  const settings = { ORIGINS: origin.url, ORIGIN_CONNECTIONS: String(CONNECTIONS) };
  const site = await startSite({ settings });
  const crowd = Array.from({ length: 200 }, (_, i) => site.get("/account", { Cookie: `user=${i}` }));
  await site.until("the leader has asked", () => waiting.length === 1);
  let answered = 0;
  const answerNext = () => waiting[answered++]!();
  answerNext();
  while (answered < crowd.length) {
    const together = Math.min(CONNECTIONS, crowd.length - answered);
    // None of them is answered before all of them have asked: one after the other would never get here.
    await site.until("the connections are full", () => waiting.length === answered + together);
    for (let i = 0; i < together; i++) answerNext();
  }
  expect((await Promise.all(crowd)).map(({ text }) => text)).toEqual(crowd.map((_, i) => `for user=${i}`));
});

it("what Authorization brings is for the one who sent it, and is not kept", async () => {
  const origin = await startOrigin(ownPage({ "Cache-Control": "max-age=60" }));
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  for (let round = 0; round < 2; round++) {
    const answers = await everyone((i) => site.get("/account", { Authorization: `user=${i}` }));
    expect(answers.map(({ text }) => text)).toEqual(pages);
  }
  const anonymous = await site.get("/account");
  expect(anonymous.cache).toBe("MISS/MISS");
  expect(anonymous.text).toBe("for nobody");
});

it("a request with Authorization waits for nobody, and nobody for it", async () => {
  const waiting: (() => void)[] = [];
  const fields = { "Cache-Control": "max-age=60" };
  const origin = await startOrigin((request, response) =>
    waiting.push(() => ownPage(fields)(request, response)),
  );
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const answers = everyone((i) => site.get("/account", i === 0 ? {} : { Authorization: `user=${i}` }));
  await site.until("everybody has reached the origin", () => waiting.length === CLIENTS);
  for (const answer of waiting) answer();
  expect((await answers).map(({ text }) => text)).toEqual(["for nobody", ...pages.slice(1)]);
});

it.each(["public", "s-maxage=60", "must-revalidate"])(
  "what Authorization brings is shared where the origin says %s (RFC 9111 §3.5)",
  async (directive) => {
    const origin = await startOrigin(ownPage({ "Cache-Control": `max-age=60, ${directive}` }));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    expect((await site.get("/page", { Authorization: "user=1" })).cache).toBe("MISS/MISS");
    expect((await site.get("/page", { Authorization: "user=2" })).text).toBe("for user=1");
  },
);

it("the reason is named in Cache-Status, the log's event and the metric", async () => {
  const origin = await startOrigin(ownPage({ "Set-Cookie": "a=1", "Cache-Control": "max-age=60" }));
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const answer = await site.get("/account");
  expect(answer.header("cache-status")).toBe("freshline; fwd=uri-miss; fwd-status=200; detail=set-cookie");
  await site.until("it is told", () => site.events.some((event) => event.type === "answered"));
  expect(site.events.find((event) => event.type === "answered")?.outcome.reason).toBe("set-cookie");
  expect((await site.admin("/metrics")).text).toContain(
    'freshline_request_reasons_total{reason="set-cookie"} 1',
  );
});

it("an operator may have shareable responses with Set-Cookie stored", async () => {
  const fields = { "Set-Cookie": "theme=dark", "Cache-Control": "public, max-age=60" };
  const origin = await startOrigin(ownPage(fields));
  const site = await startSite({ settings: { ORIGINS: origin.url, CACHE_SET_COOKIE: "true" } });
  await site.get("/page");
  const again = await site.get("/page");
  expect(again.cache).toBe("HIT/HIT");
  expect(again.header("set-cookie")).toBe("theme=dark");
});
