import { expect, it } from "vitest";
import { OFTEN } from "../../src/policy/repeated-lines.ts";
import { alike } from "./plain-lane-ways.ts";
import { rawClient } from "./raw.ts";
import { answerOf, startRawOrigin } from "./raw-origin.ts";
import { startSite } from "./site.ts";

/** Longer than it takes for conclusions to be kept of lines that come again. */
const MANY = OFTEN + 4;

/** What an origin says, in order: the same for long, then something else of the same length, and so on. */
const CHAPTERS: readonly (readonly string[])[] = [
  ["Cache-Control: no-store", "X-Chapter: 1", "Connection: x-hop", "X-Hop: 1", "Surrogate-Key: a"],
  ["Cache-Control: no-store", "X-Chapter: 2", "Connection: x-hop", "X-Hop: 2", "Surrogate-Key: b"],
  ["Cache-Control: no-store", "X-Chapter: 3", "Connection: x-top", "X-Hop: 3", "Surrogate-Key: b"],
  ["Cache-Control: no-store", "X-Chapter: 1", "Connection: x-hop", "X-Hop: 1", "Surrogate-Key: a"],
];

async function passed(lane: "on" | "off"): Promise<{ answers: string[]; heads: readonly string[] }> {
  let said = 0;
  const origin = await startRawOrigin(({ socket }) => {
    const lines = CHAPTERS[Math.floor(said / MANY)] as readonly string[];
    const body = String(said++).padStart(3, "0");
    socket.write(answerOf("200 Fine", ["Date: Thu, 15 Jan 2026 12:00:00 GMT", ...lines], body));
  });
  const site = await startSite({ settings: { ORIGINS: origin.url, PLAIN_LANE: lane } });
  const client = await rawClient(site.proxy.port);
  const answers: string[] = [];
  let read = 0;
  for (let i = 0; i < MANY * CHAPTERS.length; i++) {
    // What the client says changes too, elsewhere than what the origin says.
    const agent = i % MANY < MANY - 2 ? "first" : "other";
    const body = `\r\n\r\n${String(i).padStart(3, "0")}`;
    client.write(`GET /n HTTP/1.1\r\nHost: a.example\r\nUser-Agent: ${agent}\r\n\r\n`);
    const seen = await client.sees(body);
    answers.push(alike(seen.slice(read)));
    read = seen.length;
  }
  return { answers, heads: origin.heads };
}

it("an answer that is passed on again and again is what it would be without those before it", async () => {
  const [withLane, without] = [await passed("on"), await passed("off")];
  expect(withLane.answers).toEqual(without.answers);
  expect(withLane.answers.map((answer) => answer.slice(-3))).toEqual(
    Array.from({ length: MANY * CHAPTERS.length }, (_, i) => String(i).padStart(3, "0")),
  );
  expect(withLane.answers.map((answer) => /^X-Chapter: (.*)\r$/m.exec(answer)?.[1])).toEqual(
    ["1", "2", "3", "1"].flatMap((chapter) => Array.from({ length: MANY }, () => chapter)),
  );
  expect(withLane.heads.map((head) => /^User-Agent: (.*)$/im.exec(head)?.[1])).toEqual(
    without.heads.map((head) => /^User-Agent: (.*)$/im.exec(head)?.[1]),
  );
});
