/** How numbers are written for people: always with their unit, never with more digits than mean something. */

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export const count = (value: number): string => (value < 100_000 ? whole.format(value) : short.format(value));

/** A count per second. */
export const rate = (value: number): string =>
  `${value >= 100 ? count(Math.round(value)) : digits(value)} /s`;

/** 0…1 as per cent; near either end with one more digit, so that neither end is claimed too early. */
export function share(value: number): string {
  const nearAnEnd = (value > 0 && value < 0.01) || (value > 0.99 && value < 1);
  return `${Number((value * 100).toFixed(nearAnEnd ? 2 : 1))} %`;
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number): string {
  let unit = 0;
  let scaled = value;
  for (; scaled >= 1024 && unit < BYTES.length - 1; unit++) scaled /= 1024;
  return `${unit === 0 ? whole.format(scaled) : digits(scaled)} ${BYTES[unit]}`;
}

/** Milliseconds as µs, ms or s. */
export function latency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  // What would round up to a thousand is one of the next unit.
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  return ms < 999.5 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

const SPANS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** Seconds as the two largest units that say something: `2 h 5 min`. */
export function span(seconds: number): string {
  let rest = Math.round(Math.abs(seconds));
  const parts: string[] = [];
  for (const [size, unit] of SPANS) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0 && parts.length < 2) parts.push(`${amount} ${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}

const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** Epoch milliseconds, or what Date reads, as 14:03:20. */
export const clock = (at: number | string): string => timeOfDay.format(new Date(at));
export const instant = (at: number | string): string => dayAndTime.format(new Date(at));

/** Epoch milliseconds near now as 14:03:20, others with their day. */
export const moment = (at: number, now: number): string =>
  Math.abs(at - now) < 43_200_000 ? clock(at) : instant(at);

const digits = (value: number): string =>
  value === 0
    ? "0"
    : value >= 100
      ? whole.format(Math.round(value))
      : String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
