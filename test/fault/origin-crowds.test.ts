import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, it } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { ask, startSite } from "../scenario/site.ts";

const CROWD = 1000;

/** A site before an origin that tells how many requests it had at once, and how each answer went. */
async function crowdOn(
  answer: (request: IncomingMessage, response: ServerResponse, nth: number) => unknown,
  settings: Partial<Record<SettingName, string>> = {},
) {
  const seen = { atOnce: 0, most: 0 };
  const origin = await startOrigin((request, response) => {
    seen.most = Math.max(seen.most, ++seen.atOnce);
    response.once("close", () => seen.atOnce--);
    answer(request, response, origin.requests.length);
  });
  const site = await startSite({ settings: { ORIGINS: origin.url, MAX_CONNECTIONS: "5000", ...settings } });
  const crowd = async (clients: number) => {
    const answers = await Promise.all(
      Array.from({ length: clients }, async () => {
        try {
          const { status, text } = await ask(`http://127.0.0.1:${site.proxy.port}/hot`);
          return status === 200 ? `200 ${text}` : String(status);
        } catch {
          return "broken";
        }
      }),
    );
    return Object.fromEntries([...Map.groupBy(answers, String)].map(([what, { length }]) => [what, length]));
  };
  return { site, origin, seen, crowd };
}

const body = (response: ServerResponse, cacheControl = "max-age=60"): unknown =>
  response.writeHead(200, { "Cache-Control": cacheControl, "Content-Length": 4 }).end("body");

/** So long after the request that everybody has come meanwhile. */
const slowly =
  (then: (response: ServerResponse) => unknown, ms = 1000) =>
  (response: ServerResponse) =>
    setTimeout(then, ms, response);

const FAILURES: readonly (readonly [string, (response: ServerResponse) => unknown, string])[] = [
  ["a reset", slowly((response) => response.socket?.resetAndDestroy()), "502"],
  ["a status of 500", slowly((response) => response.writeHead(500).end()), "500"],
  ["a status of 503", slowly((response) => response.writeHead(503).end()), "503"],
  ["garbage", slowly((response) => response.socket?.end("garbage\r\n\r\n")), "502"],
  ["silence", () => {}, "504"],
];

/** Only silence is to run into the time-out, however slow the machine is. */
const patienceWith = (what: string) => ({ ORIGIN_TIMEOUT: what === "silence" ? "1s" : "20s" });

it.each(FAILURES)(
  "a leader that fails with %s is the one client of a thousand that fails",
  async (...row) => {
    const [what, fail, status] = row;
    const { origin, crowd } = await crowdOn(
      (_request, response, nth) => (nth === 1 ? fail(response) : slowly(body, 100)(response)),
      patienceWith(what),
    );
    expect(await crowd(CROWD)).toEqual({ "200 body": CROWD - 1, [status]: 1 });
    expect(origin.requests.length).toBe(2);
  },
);

it.each(FAILURES)(
  "three hundred who want what always fails with %s after a second ask for it twice, and no longer",
  async (...row) => {
    const [what, fail, status] = row;
    const { origin, crowd } = await crowdOn((_request, response) => fail(response), patienceWith(what));
    const answers = await crowd(300);
    expect(origin.requests.length).toBe(2);
    // The leaders pass on what the origin said, if it said anything; the others share an error of ours.
    const saidByOrigin = status === "500" || status === "503";
    expect(answers).toEqual(saidByOrigin ? { [status]: 2, "502": 298 } : { [status]: 300 });
  },
);

it("fifty who want what may not be stored do not wait for one another", async () => {
  const { origin, seen, crowd } = await crowdOn((_request, response) =>
    slowly((late) => body(late, "no-store"), 200)(response),
  );
  expect(await crowd(50)).toEqual({ "200 body": 50 });
  // One leads; when its head says that nobody else may have it, all others ask at once.
  expect(origin.requests.length).toBe(50);
  expect(seen.most).toBe(49);
  seen.most = 0;
  expect(await crowd(50)).toEqual({ "200 body": 50 });
  expect(seen.most).toBe(50);
});
