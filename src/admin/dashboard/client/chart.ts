import { element, table } from "./element.ts";
import { clock } from "./format.ts";
import uPlot from "./uplot.js";

type Value = number | null;

export interface Line {
  readonly label: string;
  /** A custom property of the page's style: it differs by theme. */
  readonly color: string;
  readonly values: readonly Value[];
}

export interface ChartOptions {
  /** What screen readers and the table's caption call it. */
  readonly title: string;
  readonly format: (value: number) => string;
  /** Areas on top of one another, whose sum is what the axis shows. */
  readonly stacked?: boolean;
  readonly logarithmic?: boolean;
  /** The axis' end; what the values need when absent. */
  readonly max?: number;
}

const HEIGHT = 220;
const TABLE_ROWS = 12;

/** A chart over time in `where`, with a legend and its latest values as a table. Draws anew with every call of `show`. */
export function createChart(where: HTMLElement, options: ChartOptions) {
  const picture = element("div", { class: "chart", role: "img", "aria-label": options.title });
  const rows = element("div");
  const details = element("details", {}, element("summary", {}, "As a table"), rows);
  where.replaceChildren(picture, details);
  let plot: uPlot | undefined;
  let drawn: { at: readonly number[]; lines: readonly Line[] } | undefined;

  function draw(): void {
    if (drawn === undefined) return;
    plot?.destroy();
    plot = new uPlot(
      { ...plotOptions(options, drawn.lines), width: picture.clientWidth, height: HEIGHT },
      dataOf(options, drawn.at, drawn.lines),
      picture,
    );
  }

  new ResizeObserver(() => {
    const width = picture.clientWidth;
    if (plot !== undefined && width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }).observe(picture);
  details.addEventListener("toggle", () => fillTable());

  function fillTable(): void {
    if (!details.open || drawn === undefined) return;
    const { at, lines } = drawn;
    const newest = at.map((_, i) => at.length - 1 - i).slice(0, TABLE_ROWS);
    const columns = lines.map(({ label, values }) => ({
      title: label,
      numeric: true,
      cell: (i: number) => shown(values[i], options.format),
    }));
    const time = { title: "Time", cell: (i: number) => clock(at[i] ?? 0) };
    rows.replaceChildren(table(`${options.title}, the newest first`, [time, ...columns], newest));
  }

  return {
    /** `at` is in epoch milliseconds, one for each value of each line. */
    show(at: readonly number[], lines: readonly Line[]): void {
      const sameLines =
        drawn !== undefined &&
        drawn.lines.map(({ label }) => label).join() === lines.map(({ label }) => label).join();
      drawn = { at, lines };
      if (sameLines && plot !== undefined) plot.setData(dataOf(options, at, lines));
      else draw();
      fillTable();
    },
    /** The theme has changed: canvas knows no style sheet. */
    redraw: draw,
  };
}

export type Chart = ReturnType<typeof createChart>;

const powersOfTen = (_: uPlot, splits: number[]): (number | null)[] =>
  splits.map((value) => (Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6) ? value : null));

function tellNewest(plot: uPlot): void {
  if (plot.cursor.idx === null || plot.cursor.idx === undefined)
    plot.setLegend({ idx: plot.data[0].length - 1 });
}

const shown = (value: Value | undefined, format: (value: number) => string): string =>
  value === null || value === undefined ? "–" : format(value);

/** uPlot draws in this order, so that a stack begins with the sum of all and the smaller sums cover it. */
function dataOf({ stacked }: ChartOptions, at: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  const seconds = at.map((ms) => ms / 1000);
  const values = lines.map((line) => [...line.values]);
  if (stacked === true) {
    for (let i = values.length - 2; i >= 0; i--) {
      const below = values[i + 1] ?? [];
      values[i] = (values[i] ?? []).map((value, step) => (value ?? 0) + (below[step] ?? 0));
    }
  }
  return [seconds, ...values];
}

function plotOptions(options: ChartOptions, lines: readonly Line[]): Omit<uPlot.Options, "width" | "height"> {
  const ink = style("--quiet");
  const grid = { stroke: style("--line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const { format, stacked = false, logarithmic = false } = options;
  return {
    cursor: { y: false, points: { show: !stacked } },
    // Where nobody points the legend tells the newest.
    hooks: { setCursor: [tellNewest], setData: [tellNewest], ready: [tellNewest] },
    scales: { y: scale(options) },
    axes: [
      { ...axis, values: (_, splits) => splits.map((second) => clock(second * 1000)), space: 80 },
      {
        ...axis,
        ...(logarithmic
          ? { grid: { ...grid, filter: powersOfTen }, ticks: { ...grid, filter: powersOfTen } }
          : {}),
        values: (_, splits) => splits.map((value) => (value === null ? "" : format(value))),
        size: 64,
      },
    ],
    series: [
      { label: "Time", value: (_, second) => (second === null ? "–" : clock(second * 1000)) },
      ...lines.map(({ label, color }, index): uPlot.Series => {
        const stroke = style(color);
        return {
          label,
          stroke,
          width: stacked ? 1 : 2,
          ...(stacked ? { fill: stroke } : {}),
          points: { show: false },
          spanGaps: false,
          // What is drawn in a stack is a sum; what is told is the part.
          value: (plot, _value, _series, step) =>
            shown(step === null ? null : part(plot, index + 1, step), format),
        };
      }),
    ],
  };

  function part(plot: uPlot, series: number, step: number): Value {
    const whole = plot.data[series]?.[step] ?? null;
    if (!stacked || whole === null) return whole;
    return whole - (plot.data[series + 1]?.[step] ?? 0);
  }
}

function scale({ max, logarithmic }: ChartOptions): uPlot.Scale {
  if (max !== undefined) return { range: [0, max] };
  if (logarithmic === true) return { distr: 3, log: 10 };
  return { range: (_, _min, most) => [0, most > 0 ? most * 1.1 : 1] };
}

/** The colour that a custom property stands for in the theme of now, in a form that a canvas understands. */
function style(property: string): string {
  const probe = element("i");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
