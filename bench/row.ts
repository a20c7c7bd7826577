import type { Stage } from "./stage.ts";

/** One question that the bench answers. */
export interface Row {
  /** As in `make bench rows=…`. */
  readonly name: string;
  readonly question: string;
  run(stage: Stage): Promise<RowAnswer>;
}

export interface RowAnswer {
  /** What the values are, such as "µs of CPU a request". */
  readonly unit: string;
  readonly findings: readonly Finding[];
  readonly bars: readonly Bar[];
  /** How the contenders were started. */
  readonly setUps: readonly string[];
  /** Who was not measured, and why; what else has to be known. */
  readonly notes: readonly string[];
}

export interface Finding {
  readonly who: string;
  /** The median of its rounds. */
  readonly value: number;
  readonly least: number;
  readonly most: number;
  /** What was seen beside it. */
  readonly beside?: string;
}

/** What was set out to be reached. */
export interface Bar {
  readonly text: string;
  readonly met: boolean;
}

export function finding(who: string, values: readonly number[], beside?: string): Finding {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  const value = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  const [least = Number.NaN, most = Number.NaN] = [sorted[0], sorted.at(-1)];
  return { who, value, least, most, ...(beside === undefined ? {} : { beside }) };
}

/** The value below or at which this share of all is; NaN of none. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Number.NaN;

/** One contender's value against another's; nothing where one of them was not measured. */
export function ratioBar(findings: readonly Finding[], who: string, most: number, than: string): Bar[] {
  const measured = (name: string) => findings.find((each) => each.who === name)?.value;
  const [own, other] = [measured(who), measured(than)];
  if (own === undefined || other === undefined) return [];
  const ratio = own / other;
  return [{ text: `${who} ≤ ${most} × ${than}: ${ratio.toFixed(2)}`, met: ratio <= most }];
}

/** A value against a limit. */
export const limitBar = (what: string, value: number, most: number, unit: string): Bar => ({
  text: `${what} ≤ ${most} ${unit}: ${Number(value.toFixed(1))}`,
  met: value <= most,
});
