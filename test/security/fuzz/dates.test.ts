import fc from "fast-check";
import { expect } from "vitest";
import { formatHttpDate, parseHttpDate } from "../../../src/policy/http-date.ts";
import { NOW } from "../../policy/builders.ts";
import { fuzz } from "./harness.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number: number): string => String(number).padStart(2, "0");

const date = fc.record({
  form: fc.constantFrom("imf", "imf", "rfc850", "asctime"),
  weekday: fc.constantFrom("Sun", "Mon", "Thu", "SAT", "Xxx", ""),
  day: fc.oneof(fc.nat(32), fc.constantFrom(29, 30, 31)),
  month: fc.oneof(fc.constantFrom(...MONTHS), fc.constantFrom("JAN", "feb", "Foo", "")),
  year: fc.oneof(fc.nat(9999), fc.constantFrom(0, 50, 75, 76, 77, 1900, 2000, 2024, 2026)),
  hour: fc.nat(25),
  minute: fc.nat(60),
  second: fc.nat(62),
  zone: fc.constantFrom(" GMT", " GMT", " GMT", " gmt", " UTC", "", " GMT ", " +0000"),
});
type Parts = typeof date extends fc.Arbitrary<infer T> ? T : never;

const LONG: Readonly<Record<string, string>> = {
  sun: "Sunday",
  mon: "Monday",
  thu: "Thursday",
  sat: "Saturday",
};

function written({ form, weekday, day, month, year, hour, minute, second, zone }: Parts): string {
  const time = `${two(hour)}:${two(minute)}:${two(second)}`;
  switch (form) {
    case "imf":
      return `${weekday}, ${two(day)} ${month} ${String(year).padStart(4, "0")} ${time}${zone}`;
    case "rfc850":
      return `${LONG[weekday.toLowerCase()] ?? weekday}, ${two(day)}-${month}-${two(year % 100)} ${time}${zone}`;
    case "asctime":
      return `${weekday} ${month} ${String(day).padStart(2)} ${time} ${String(year).padStart(4, "0")}${zone.replace(/ GMT$/i, "")}`;
  }
}

/** RFC 9110 §5.6.7, by what the text was made of; case does not count (RFC 9111 §4.2), nor what day of the week it was. */
function expected({
  form,
  weekday,
  day,
  month,
  year,
  hour,
  minute,
  second,
  zone,
}: Parts): number | undefined {
  const at = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase());
  const short = LONG[weekday.toLowerCase()] !== undefined;
  const zoned = form === "asctime" ? zone === "" || /^ gmt$/i.test(zone) : /^ gmt$/i.test(zone);
  if (at === -1 || !short || !zoned || hour > 23 || minute > 59 || second > 60) return undefined;
  const now = new Date(NOW).getUTCFullYear();
  const century = now - (now % 100) + (year % 100);
  const full = form !== "rfc850" ? year : century > now + 50 ? century - 100 : century;
  // The 31st of a month of 30 days is another day.
  const lengths = [
    31,
    full % 4 === 0 && (full % 100 !== 0 || full % 400 === 0) ? 29 : 28,
    31,
    30,
    31,
    30,
    31,
    31,
    30,
    31,
    30,
    31,
  ];
  if (day < 1 || day > (lengths[at] as number)) return undefined;
  const instant = new Date(0);
  instant.setUTCFullYear(full, at, day);
  return instant.getTime() + ((hour * 60 + minute) * 60 + Math.min(second, 59)) * 1000;
}

fuzz("a date is the instant that RFC 9110 says, or none", {
  corpus: "dates",
  inputs: date,
  runs: 5000,
  holds: (parts) => {
    const instant = parseHttpDate(written(parts), NOW);
    expect(instant, written(parts)).toBe(expected(parts));
    if (instant !== undefined) expect(parseHttpDate(formatHttpDate(instant), NOW)).toBe(instant);
  },
});
