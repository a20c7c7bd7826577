import { onTestFinished } from "vitest";
import { type FaultyLink, openLink } from "./network.ts";

export type { FaultyLink, NetworkFault } from "./network.ts";

/** Opens a link to a port of this machine; closed when the test has finished. */
export async function openFaultyLink(target: number): Promise<FaultyLink> {
  const link = await openLink(target);
  onTestFinished(() => link[Symbol.asyncDispose]());
  return link;
}
