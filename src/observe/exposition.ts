import type { Exemplar, Family, Labels } from "./families.ts";

/** The Prometheus text format 0.0.4, or OpenMetrics 1.0.0, which alone has exemplars. */
export type MetricsFormat = "prometheus" | "openmetrics";

/** These metrics as text. */
export function exposed(families: readonly Family[], format: MetricsFormat): string {
  const text = families.map((family) => `${described(family, format)}\n`).join("");
  return format === "openmetrics" ? `${text}# EOF\n` : text;
}

function described({ name, help, type, values }: Family, format: MetricsFormat): string {
  const open = format === "openmetrics";
  // OpenMetrics names the counter without the ending that its samples must have.
  const family = open && type === "counter" ? name.replace(/_total$/, "") : name;
  const own = open && type === "counter" ? `${family}_total` : name;
  const lines = [`# HELP ${family} ${open ? escaped(help) : escapedHelp(help)}`, `# TYPE ${family} ${type}`];
  for (const { metricName = own, labels, value, exemplar } of values) {
    const line = `${metricName}${labelled(labels, open)} ${shown(value)}`;
    lines.push(open && exemplar ? `${line} ${trailing(exemplar)}` : line);
  }
  return lines.join("\n");
}

function labelled(labels: Labels, open: boolean): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    // OpenMetrics wants bounds as floats are written: 1.0.
    const text = open && name === "le" && Number.isInteger(value) ? `${value}.0` : String(value);
    return `${name}="${escaped(text)}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const trailing = ({ labelSet, value, timestamp }: Exemplar): string =>
  `# ${labelled(labelSet, false)} ${shown(value)} ${timestamp}`;

function shown(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

const escapedHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escaped = (text: string): string => escapedHelp(text).replaceAll('"', '\\"');
