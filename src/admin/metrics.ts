import type { Hono } from "hono";
import { accepts } from "hono/accepts";
import type { AdminEnv } from "./env.ts";

export type MetricsFormat = "prometheus" | "openmetrics";

const PROMETHEUS = "text/plain";
const OPENMETRICS = "application/openmetrics-text";
const PARAMETERS = { [PROMETHEUS]: "version=0.0.4", [OPENMETRICS]: "version=1.0.0" };

/** GET /metrics: in OpenMetrics for who prefers that to the Prometheus text format, as Prometheus does. */
export function addMetrics(app: Hono<AdminEnv>, text: (format: MetricsFormat) => Promise<string>): void {
  app.get("/metrics", async (c) => {
    const supports = [PROMETHEUS, OPENMETRICS];
    const type = accepts(c, { header: "Accept", supports, default: PROMETHEUS });
    const open = type === OPENMETRICS;
    return c.body(await text(open ? "openmetrics" : "prometheus"), 200, {
      "Content-Type": `${type}; ${PARAMETERS[open ? OPENMETRICS : PROMETHEUS]}; charset=utf-8`,
      Vary: "Accept",
    });
  });
}
