/** 1234567 as 1,234,567. */
export const count = (value: number): string => Math.round(value).toLocaleString("en");

/** Milliseconds with a unit: 42 µs, 1.25 ms, 310 ms, 2.5 s; – for none. */
export function latency(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 1000) return `${digits(milliseconds)} ms`;
  return `${digits(milliseconds / 1000)} s`;
}

export function bytes(value: number): string {
  let rest = value;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (rest < 1024) return `${unit === "B" ? Math.round(rest) : digits(rest)} ${unit}`;
    rest /= 1024;
  }
  return `${digits(rest)} TiB`;
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Three that count. */
const digits = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
