import { onTestFinished } from "vitest";
import { type OpenOrigin, openOrigin } from "../open-origin.ts";

export type OwnOrigin = Omit<OpenOrigin, "close">;

/** An origin of this test; closed when the test has finished. */
export async function startOrigin(answer: Parameters<typeof openOrigin>[0]): Promise<OwnOrigin> {
  const origin = await openOrigin(answer);
  onTestFinished(origin.close);
  return origin;
}

/** The field lines without those whose lower-case name is named here. */
export function linesWithout(rawHeaders: readonly string[], ...names: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => !names.includes((rawHeaders[i - (i % 2)] as string).toLowerCase()));
}
