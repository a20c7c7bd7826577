import type { Answer } from "./answer.ts";
import { json, Refusal } from "./answer.ts";
import { asksForAllPorts } from "./asked.ts";
import { mergeBehavior } from "./behavior.ts";
import { sumOf } from "./counts.ts";
import type { Exchange, PortState } from "./exchange.ts";
import { parseJson, readBody } from "./read-body.ts";

/** Kept by no cache in between: these tell the present. */
const NO_STORE = ["Cache-Control", "no-store"];

export function checkHealth({ here }: Exchange): Answer {
  const healthy = here.behavior.healthy ?? true;
  return json(healthy ? 200 : 503, { status: healthy ? "ok" : "unhealthy" }, NO_STORE);
}

export const getBehavior = ({ here }: Exchange): Answer => json(200, here.behavior, NO_STORE);

/** `PUT /behavior[?all=1]`: merges into this port's behaviour, or into each port's own. */
export async function putBehavior(exchange: Exchange): Promise<Answer> {
  const change = parseJson(await readBody(exchange.request));
  for (const port of portsMeant(exchange)) {
    const merge = mergeBehavior(port.behavior, change);
    // A change is good or bad by itself, so the first port rejects it before any has taken it.
    if (merge.type === "rejected") throw new Refusal(400, merge.message);
    port.behavior = merge.behavior;
  }
  return getBehavior(exchange);
}

export function resetBehavior(exchange: Exchange): Answer {
  for (const port of portsMeant(exchange)) port.behavior = {};
  return getBehavior(exchange);
}

export const getCounts = (exchange: Exchange): Answer =>
  json(200, sumOf(portsMeant(exchange).map((port) => port.counts.report())), NO_STORE);

export function resetCounts(exchange: Exchange): Answer {
  for (const port of portsMeant(exchange)) port.counts.reset();
  return getCounts(exchange);
}

const portsMeant = ({ query, here, all }: Exchange): readonly PortState[] =>
  asksForAllPorts(query) ? all : [here];
