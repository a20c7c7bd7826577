import { expect, it } from "vitest";
import { bytes, count, latency, rate, share, span } from "../../src/admin/dashboard/client/format.ts";

it.each([
  [count(0), "0"],
  [count(12_345), "12,345"],
  [count(1_234_567), "1.23M"],
  [rate(0), "0 /s"],
  [rate(0.25), "0.25 /s"],
  [rate(12.34), "12.3 /s"],
  [rate(1234.5), "1,235 /s"],
  [share(0), "0 %"],
  [share(0.004), "0.4 %"],
  [share(0.75), "75 %"],
  [share(0.9994), "99.94 %"],
  [share(1), "100 %"],
  [bytes(0), "0 B"],
  [bytes(1023), "1,023 B"],
  [bytes(1536), "1.5 KiB"],
  [bytes(64 * 1024 * 1024), "64 MiB"],
  [latency(null), "–"],
  [latency(0.05), "50 µs"],
  [latency(0.9996), "1 ms"],
  [latency(1.26), "1.3 ms"],
  [latency(142.4), "142 ms"],
  [latency(999.9), "1 s"],
  [latency(2500), "2.5 s"],
  [span(0), "0 s"],
  [span(59.6), "1 min"],
  [span(7505), "2 h 5 min"],
  [span(86_400), "1 d"],
  [span(90_061), "1 d 1 h"],
])("writes %s as %s", (written, wanted) => {
  expect(written).toBe(wanted);
});
