import { describe, expect, it } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import type { Connection } from "../origin/raw-server.ts";
import { rawClient } from "../scenario/raw.ts";
import { answerOf, startRawOrigin } from "../scenario/raw-origin.ts";
import { type Site, startSite } from "../scenario/site.ts";
import { BROKEN_BODIES, FRAMING, NO_ANSWER, NONSENSE, type OriginFault, TOO_MUCH } from "./origin-faults.ts";

const BEFORE_THE_HEAD = [...NO_ANSWER, ...NONSENSE, ...FRAMING];
const ALL = [...BEFORE_THE_HEAD, ...BROKEN_BODIES, ...TOO_MUCH];

/** An origin that answers well, `/well/…` always and the rest until it is told otherwise; and a proxy before it. */
async function setStage(settings: Partial<Record<SettingName, string>> = {}) {
  const state: { answer: (connection: Connection, head: string) => unknown } = { answer: well() };
  const origin = await startRawOrigin((connection, head) =>
    (head.includes(" /well/") ? well() : state.answer)(connection, head),
  );
  const site = await startSite({
    settings: {
      ORIGINS: origin.url,
      ORIGIN_TIMEOUT: "250ms",
      ORIGIN_BODY_TIMEOUT: "250ms",
      // One connection: whatever is left on it is met by the next request.
      ORIGIN_CONNECTIONS: "1",
      ...settings,
    },
  });
  return { origin, site, state };
}

/** Answers with the target as body, so that nobody's answer passes for another's. */
function well(cacheControl = "max-age=3600") {
  return ({ socket }: Connection, head: string) => {
    const target = head.split(" ", 2)[1] as string;
    socket.write(answerOf("200 OK", [`Cache-Control: ${cacheControl}`, 'ETag: "1"'], target));
  };
}

/** Everything the client receives, and what it makes of it: `200 body`, `502 code`, or `broken`. */
async function asked(site: Site, target: string, method = "GET"): Promise<{ wire: string; saw: string }> {
  const client = await rawClient(site.proxy.port);
  client.write(`${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const wire = await client.end();
  const final = wire.replace(/^(?:HTTP\/1\.1 1.*?\r\n\r\n)*/s, "");
  const [head = "", body = ""] = final.split(/\r\n\r\n(.*)/s);
  const status = head.split(" ", 2)[1] ?? "none";
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  const isChunked = /^transfer-encoding: chunked$/im.test(head);
  const isShort = isChunked ? !body.endsWith("0\r\n\r\n") : body.length !== Number(length ?? body.length);
  if (method !== "HEAD" && (wire === "" || isShort)) return { wire, saw: "broken" };
  const { code } = status.startsWith("5") ? (JSON.parse(body) as { code: string }) : { code: undefined };
  const text = isChunked ? body.replace(/[0-9a-f]+\r\n(.*?)\r\n/gs, "$1").replace(/\r\n$/, "") : body;
  return { wire, saw: `${status} ${code ?? text}` };
}

describe.each(ALL)("an origin that $name", ({ answer, method, sees }: OriginFault) => {
  it(`is ${sees.trim()} for its client, and nobody else sees anything of it`, async () => {
    const { origin, site, state } = await setStage();
    await asked(site, "/well/first");
    state.answer = answer;
    const answers = [await asked(site, "/fault", method)];
    expect(answers[0]?.saw).toBe(sees);
    // What comes late comes while nobody waits for a response on that connection: else it would be one.
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const target of ["/well/second", "/well/third"]) answers.push(await asked(site, target));
    expect(answers.slice(1).map(({ saw }) => saw)).toEqual(["200 /well/second", "200 /well/third"]);
    state.answer = well();
    const isWhole = sees === "200 body";
    const before = origin.heads.length;
    answers.push(await asked(site, "/fault"));
    expect(answers.at(-1)?.saw).toBe(isWhole || sees === "204 " ? sees : "200 /fault");
    expect(origin.heads.length - before).toBe(isWhole || sees === "204 " ? 0 : 1);
    expect(answers.filter(({ wire }) => /LEAK/i.test(wire))).toEqual([]);
  });
});

describe.each(BEFORE_THE_HEAD)("an origin that $name", ({ name, answer, sees }: OriginFault) => {
  it("gets a stale answer served where one may be, and an error where none may", async () => {
    const { site, state } = await setStage();
    const directives = {
      "/a": "max-age=1, stale-if-error=100",
      "/b": "max-age=1, stale-if-error=100, must-revalidate",
      "/c": "max-age=1, stale-if-error=100, proxy-revalidate",
      "/d": "no-cache, stale-if-error=100",
      "/e": "max-age=1",
    };
    for (const [target, cacheControl] of Object.entries(directives)) {
      state.answer = well(cacheControl);
      expect((await asked(site, target)).saw).toBe(`200 ${target}`);
    }
    state.answer = answer;
    site.advance(5);
    const saw: Record<string, string> = {};
    for (const target of Object.keys(directives)) saw[target] = (await asked(site, target)).saw;
    // A 304 is a good answer to those who ask with a validator.
    const failed = (target: string) => (name.includes("304") ? `200 ${target}` : sees);
    expect(saw).toEqual({
      "/a": "200 /a",
      "/b": failed("/b"),
      "/c": failed("/c"),
      "/d": failed("/d"),
      "/e": failed("/e"),
    });
  });
});

it("an origin that leaves five requests unanswered is waited for by nobody else, and asked again when it is back", async () => {
  const { origin, site, state } = await setStage({ ORIGIN_CONNECTIONS: "16" });
  const targets = Array.from({ length: 30 }, (_, i) => `/${i}`);
  state.answer = well("max-age=1, stale-if-error=3600");
  for (const target of targets) await asked(site, target);
  state.answer = well("max-age=1, stale-if-error=3600, must-revalidate");
  await asked(site, "/must");
  site.advance(5);
  state.answer = () => {};
  const before = origin.heads.length;
  const all = (some: readonly string[]) => Promise.all(some.map((target) => asked(site, target)));
  const stale = (some: readonly string[]) => some.map((target) => `200 ${target}`);

  const waited = targets.slice(0, 5);
  expect((await all(waited)).map(({ saw }) => saw)).toEqual(stale(waited));
  const atOnce = targets.slice(5);
  const began = performance.now();
  const answers = await all([...atOnce, "/must", "/new"]);
  const seconds = Math.floor((performance.now() - began) / 1000);
  expect(answers.slice(0, -2).map(({ saw }) => saw)).toEqual(stale(atOnce));
  for (const { saw } of answers.slice(-2))
    expect(saw).toBeOneOf(["502 no_healthy_origin", "504 origin_timeout"]);
  // One request a second may find out whether it is back, and a slow machine takes some for all of them.
  const waiting = answers.filter(({ wire }) => /fwd=|504/.test(wire) && !wire.includes("no_healthy_origin"));
  expect(waiting.length).toBeLessThanOrEqual(1 + seconds);
  // A trial whose connection does not come about in time sends no head.
  const asksAgain = origin.heads.length - before - waited.length;
  expect(asksAgain >= 0 && asksAgain <= waiting.length).toBe(true);

  state.answer = well();
  await site.until("it is asked again", async () => (await asked(site, "/new")).saw === "200 /new");
  expect((await asked(site, "/must")).saw).toBe("200 /must");
});
