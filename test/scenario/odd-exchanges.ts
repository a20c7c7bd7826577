import { expect, it } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import { exchange } from "./raw.ts";
import { answerOf, startRawOrigin } from "./raw-origin.ts";
import { startSite } from "./site.ts";

/** One request, and what the origin says should it be asked. */
export interface Step {
  readonly method?: string;
  /** Field lines of the request. */
  readonly ask?: readonly string[];
  /** Field lines of a 200, or a whole response. */
  readonly answer?: readonly string[] | string;
  readonly body?: string;
  /** Seconds that pass before it. */
  readonly after?: number;
  /** `asked`: an origin's body; `kept`: a stored body, nobody asked; `validated`: a stored one, after asking. */
  readonly from: "asked" | "kept" | "validated" | "nowhere";
  /** The step that the stored body is of; the last that was asked, where absent. */
  readonly made?: number;
  readonly status?: number;
  readonly has?: readonly (string | RegExp)[];
  readonly lacks?: readonly (string | RegExp)[];
  /** What the origin's request has. */
  readonly sent?: string | RegExp;
}

export interface Case {
  readonly name: string;
  readonly clause: string;
  readonly settings?: Partial<Record<SettingName, string>>;
  readonly steps: readonly Step[];
}

export const FRESH = "Cache-Control: max-age=60";
export const KEPT: Step = { from: "kept" };
export const ASKED: Step = { answer: [FRESH], from: "asked" };
export const at = (seconds: number): string => formatHttpDate(Date.now() + seconds * 1000);
export const raw = (status: string, ...lines: readonly string[]): string =>
  `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
/** Stored by the first answer, or not: the second request tells. */
export const stored = (...answer: readonly string[]): readonly Step[] => [{ answer, from: "asked" }, KEPT];
export const notStored = (...answer: readonly string[]): readonly Step[] => [
  { answer, from: "asked" },
  ASKED,
];

/** One test for each. */
export const tests = (cases: readonly Case[]): void =>
  it.each(cases.map((one) => [`${one.name} (${one.clause})`, one] as const))("%s", async (_, one) =>
    play(one),
  );

/** The number of a step is its body, so that an answer says when it was made. */
async function play({ steps, settings }: Case): Promise<void> {
  let current = 0;
  const origin = await startRawOrigin(({ socket }, head) => {
    const { answer = ["Not: expected"], body = String(current) } = steps[current] ?? {};
    const bytes = typeof answer === "string" ? answer : answerOf("200 OK", answer, body);
    const whole = head.startsWith("HEAD ") ? bytes.slice(0, bytes.indexOf("\r\n\r\n") + 4) : bytes;
    if (whole.startsWith("HTTP/1.0")) socket.end(whole);
    else socket.write(Buffer.from(whole, "latin1"));
  });
  const site = await startSite({ standingClock: true, settings: { ORIGINS: origin.url, ...settings } });
  const puts = () => site.events.filter((event) => event.type === "stored").length;
  let kept = "";
  for (const [index, step] of steps.entries()) {
    const { method = "GET", ask = [], after = 0, from, made, status, has = [], lacks = [], sent } = step;
    current = index;
    site.advance(after);
    const before = origin.heads.length;
    const putsBefore = puts();
    const head = [`${method} /thing HTTP/1.1`, "Host: a.example", "Connection: close", ...ask];
    const seen = await exchange(site.proxy.port, `${head.join("\r\n")}\r\n\r\n`);
    const [, finalStatus, body = ""] = /HTTP\/1\.1 (?!1)(\d+)[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(seen) ?? [];
    const chunked = /^[\da-f]+\r\n([\s\S]*)\r\n0\r\n\r\n$/.exec(body)?.[1];
    const content = chunked ?? body;
    const held = made === undefined ? kept : String(made);
    const got = { index, seen, asked: origin.heads.length > before, content, status: Number(finalStatus) };
    if (from === "asked") expect(got).toMatchObject({ asked: true });
    if (from === "kept") expect(got).toMatchObject({ asked: false, content: held });
    if (from === "validated") expect(got).toMatchObject({ asked: true, content: held });
    if (status !== undefined) expect(got).toMatchObject({ status });
    for (const text of has) expect(seen, `step ${index}`).toMatch(text);
    for (const text of lacks) expect(seen, `step ${index}`).not.toMatch(text);
    if (sent !== undefined) expect(origin.heads.at(-1), `step ${index}`).toMatch(sent);
    if (from === "asked") kept = content;
    if (seen.includes("; stored")) await site.until("it is stored", () => puts() > putsBefore);
  }
}
