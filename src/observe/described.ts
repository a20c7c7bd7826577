import type { MetricRow } from "./metric-table.ts";

/** A metric of the table as prom-client wants to be told of it. */
export const described = <Row extends MetricRow>({ name, help, labels, together = "sum" }: Row) => ({
  name,
  help,
  aggregator: together,
  labelNames: labels as readonly Row["labels"][number][],
});
