import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { withMetricsTable } from "../../scripts/metrics-table.ts";
import { METRICS, type MetricRow, WORKER_METRICS } from "../../src/observe/metric-table.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { memory } from "../observe/a-scrape.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** Labels that Prometheus adds to what it scrapes. */
const TARGET = ["job", "instance"];

/** Every metric there is, with its labels. */
async function known(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows: readonly MetricRow[] = [...Object.values(METRICS), ...Object.values(WORKER_METRICS)];
  const ours = new Map(rows.map(({ name, labels }) => [name, labels]));
  const names = new Map<string, ReadonlySet<string>>([["up", new Set(TARGET)]]);
  const families = await createMetrics({ memory, purgesBehindMs: () => 0 }).families();
  const others = families.map(({ name, type }) => ({ name, kind: type }));
  for (const { name, kind } of [...others, ...rows]) {
    const labels = [...TARGET, ...(ours.get(name) ?? [])];
    if (kind !== "histogram") names.set(name, new Set(labels));
    else {
      names.set(`${name}_bucket`, new Set([...labels, "le"]));
      for (const suffix of ["sum", "count"]) names.set(`${name}_${suffix}`, new Set(labels));
    }
  }
  return names;
}

/** What is wrong with a query: names of metrics and labels that nothing has. */
function wrongIn(expr: string, names: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const wrong: string[] = [];
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const metrics = [...bare.matchAll(/\b(?:freshline|nodejs|process)_\w+|\bup\b/g)].map(([name]) => name);
  if (metrics.length === 0) wrong.push(`no metric in ${expr}`);
  for (const name of metrics) if (!names.has(name)) wrong.push(`metric ${name}`);
  const has = (label: string, of: readonly string[]) => of.some((name) => names.get(name)?.has(label));
  for (const [, name = "", selectors = ""] of bare.matchAll(/(\w+)\{([^}]*)\}/g)) {
    for (const [, label = ""] of selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (!has(label, [name])) wrong.push(`label ${label} of ${name}`);
  }
  for (const [, labels = ""] of bare.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)) {
    for (const label of labels.split(",").map((one) => one.trim()))
      if (!has(label, metrics)) wrong.push(`label ${label} in ${expr}`);
  }
  const open = [...bare].reduce((depth, char) => depth + (char === "(" ? 1 : char === ")" ? -1 : 0), 0);
  if (open !== 0) wrong.push(`brackets in ${expr}`);
  return wrong;
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}
interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** What a text in {{ }} names. */
const shownLabels = (text: string): string[] =>
  [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z]\w*)\s*\}\}/g)].map(([, label = ""]) => label);

describe("the check itself", () => {
  it.each([
    ["rate(freshline_request_total[5m])", ["metric freshline_request_total"]],
    ["freshline_request_duration_seconds", ["metric freshline_request_duration_seconds"]],
    ['freshline_requests_total{status="HIT"}', ["label status of freshline_requests_total"]],
    ["sum by (url) (freshline_store_up)", ["label url in sum by (url) (freshline_store_up)"]],
    ["sum(freshline_store_up", ["brackets in sum(freshline_store_up"]],
    ['sum by (le) (freshline_request_duration_seconds_bucket{cache="(HIT"})', []],
  ])("of %s finds %j", async (expr, wrong) => {
    expect(wrongIn(expr, await known())).toEqual(wrong);
  });
});

describe("deploy/grafana/dashboard.json", () => {
  const dashboard = JSON.parse(read("deploy/grafana/dashboard.json")) as Dashboard;
  const charts = dashboard.panels.filter(({ type }) => type !== "row");

  it("asks for metrics and labels that there are", async () => {
    const names = await known();
    const wrong = charts.flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr, legendFormat }) => [
        ...wrongIn(expr, names),
        // A legend shows what the query is grouped by.
        ...shownLabels(legendFormat)
          .filter((label) => !new RegExp(`by \\([^)]*\\b${label}\\b`).test(expr))
          .map((label) => `legend ${label} of ${title}`),
      ]),
    );
    expect(wrong).toEqual([]);
    expect(charts.filter(({ targets = [] }) => targets.length === 0)).toEqual([]);
    const variables = dashboard.templating.list.filter(({ query }) => typeof query === "object");
    expect(variables).toHaveLength(4);
    const labels = /^label_values\((.+), (\w+)\)$/;
    for (const { query } of variables) {
      const [, metric = "", label = ""] = labels.exec((query as { query: string }).query) ?? [];
      expect(wrongIn(`sum by (${label}) (${metric})`, names)).toEqual([]);
    }
  });

  it("asks by variables that it has, and shows every metric of our own", () => {
    const text = charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join("\n");
    const used = new Set([...text.matchAll(/\$(\w+)/g)].map(([, name]) => name));
    const declared = dashboard.templating.list.map(({ name }) => name);
    expect([...used].filter((name) => name !== "__rate_interval" && !declared.includes(`${name}`))).toEqual(
      [],
    );
    const all = [...Object.values(METRICS), ...Object.values(WORKER_METRICS)].map(({ name }) => name);
    expect(all.filter((name) => !text.includes(name))).toEqual([]);
  });

  it("describes each panel, and none lies on another", () => {
    expect(charts.filter(({ description = "" }) => description === "").map(({ title }) => title)).toEqual([]);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.has(`${x} ${y}`)]).toEqual([title, false]);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });
});

describe("deploy/grafana/alerts.yml", () => {
  const { groups } = parse(read("deploy/grafana/alerts.yml")) as {
    readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules);

  it("goes by metrics and labels that there are", async () => {
    const names = await known();
    expect(alerts.flatMap(({ expr }) => wrongIn(expr, names))).toEqual([]);
  });

  it("names each alert once, and says what it means in labels that the query leaves", () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    const names = [...Object.values(METRICS)].flatMap(({ labels }): readonly string[] => labels);
    for (const { alert, expr, for: lasting, labels, annotations } of alerts) {
      expect(alert).toMatch(/^Freshline[A-Z]\w+$/);
      expect(["warning", "critical"]).toContain(labels.severity);
      expect(lasting ?? "0s").toMatch(/^\d+[smh]$/);
      expect(annotations.description).not.toBe("");
      const grouped = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(", ");
      const left = grouped ?? [...TARGET, ...names];
      expect([alert, shownLabels(annotations.summary).filter((label) => !left.includes(label))]).toEqual([
        alert,
        [],
      ]);
    }
  });
});

it("docs/operations.md has the table of metrics; scripts/metrics-table.ts writes it", () => {
  const document = read("docs/operations.md");
  expect(withMetricsTable(document)).toBe(document);
});
