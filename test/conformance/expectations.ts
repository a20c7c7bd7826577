import { readFileSync } from "node:fs";
import type { Reasons } from "./results.ts";
import { SET_UP_NAMES, type SetUpName } from "./set-ups.ts";
import type { Judged } from "./verdicts.ts";

/**
 * Why each required or optimal test that does not pass does not: one reason for every
 * set-up, or one for each in which it does not.
 */
export type Expected = Readonly<Record<string, string | Readonly<Partial<Record<SetUpName, string>>>>>;

/** In characters; some messages quote whole responses. */
const MESSAGE_LENGTH = 160;

export const EXPECTED_FILE = new URL("expected.json", import.meta.url);

export const readReasons = (): Reasons => JSON.parse(readFileSync(EXPECTED_FILE, "utf8")) as Reasons;

/** The reason that is listed for a test in a set-up. */
export function reasonFor(expected: Expected, id: string, setUp: SetUpName): string | undefined {
  if (!Object.hasOwn(expected, id)) return undefined;
  const reason = expected[id];
  return typeof reason === "string" ? reason : reason?.[setUp];
}

/** Every way in which the results are not those that are listed, one sentence each. */
export function differences(judged: readonly Judged[], expected: Expected): string[] {
  const found: string[] = [];
  for (const { id, kind, verdicts, messages } of judged) {
    for (const setUp of SET_UP_NAMES) {
      const listed = reasonFor(expected, id, setUp) !== undefined;
      const passed = verdicts[setUp] === "pass";
      if (passed && listed) found.push(`${setUp}: ${id} passes, and is listed as not passing`);
      // A check asks what a cache does; no answer to it is wrong.
      if (!passed && !listed && kind !== "check")
        found.push(`${setUp}: ${id} (${kind}) does not pass: ${messages[setUp]?.slice(0, MESSAGE_LENGTH)}`);
    }
  }
  const kinds = new Map(judged.map(({ id, kind }) => [id, kind]));
  for (const [id, reason] of Object.entries(expected)) {
    if (!kinds.has(id)) found.push(`${id} is listed, and is not in the suite`);
    else if (kinds.get(id) === "check") found.push(`${id} is listed, and is a check`);
    const reasons = typeof reason === "string" ? { every: reason } : reason;
    for (const [setUp, text] of Object.entries(reasons)) {
      if (setUp !== "every" && !SET_UP_NAMES.includes(setUp as SetUpName))
        found.push(`${id} is listed for ${setUp}, and there is no such set-up`);
      if (text.trim() === "") found.push(`${id} is listed without a reason`);
    }
  }
  return found;
}
