import { expect, it, onTestFinished } from "vitest";
import { createOtlpExporter, type OtlpOptions } from "../../src/observe/otlp.ts";
import { Span } from "../../src/observe/span.ts";
import { until } from "../until.ts";
import { startCollector } from "./collector.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

function aSpan(name: string, endedAt = 1_700_000_000_001.5): Span {
  const span = new Span({
    name,
    kind: "internal",
    traceId: TRACE,
    parentId: undefined,
    sampled: true,
    random: false,
    startedAt: 1_700_000_000_000.25,
  });
  span.endedAt = endedAt;
  return span;
}

function anExporter(url: string, options: Partial<OtlpOptions> = {}) {
  const lost: [number, string][] = [];
  const exporter = createOtlpExporter({
    url: `${url}/v1/traces`,
    headers: {},
    timeoutMs: 5000,
    delayMs: 1,
    queue: 2048,
    resource: { "service.name": "freshline" },
    onLost: (spans, why) => lost.push([spans, why]),
    ...options,
  });
  onTestFinished(() => exporter.close());
  return { ...exporter, lost, lostSpans: () => lost.reduce((sum, [spans]) => sum + spans, 0) };
}

it("posts spans as OTLP has them in JSON, with our own fields and the resource", async () => {
  const collector = await startCollector();
  const exporter = anExporter(collector.url, { headers: { authorization: "Bearer x" } });
  const span = aSpan("lookup");
  span.attributes = { text: "a\u{1F600}\ud800", whole: 7, part: 0.5, yes: true, absent: undefined };
  span.note("origin-failed", 1_700_000_000_001, { "error.type": "reset" });
  span.failed = true;
  exporter.add(span);
  const [received] = await collector.received(1);
  expect(received).toEqual({
    traceId: TRACE,
    spanId: span.spanId,
    name: "lookup",
    kind: 1,
    start: 1_700_000_000_000_250_000n,
    end: 1_700_000_000_001_500_000n,
    attributes: { text: "a\u{1F600}\ufffd", whole: 7, part: 0.5, yes: true },
    events: [{ name: "origin-failed", attributes: { "error.type": "reset" } }],
    failed: true,
    resource: { "service.name": "freshline" },
  });
  expect(collector.requests).toEqual([
    {
      url: "POST /v1/traces",
      headers: expect.objectContaining({ "content-type": "application/json", authorization: "Bearer x" }),
    },
  ]);
});

it("posts what it has in batches, and what is left when it is closed", async () => {
  const collector = await startCollector();
  const exporter = anExporter(collector.url, { delayMs: 3_600_000 });
  for (let i = 0; i < 700; i++) exporter.add(aSpan(`${i}`));
  await collector.received(512);
  exporter.add(aSpan("last"));
  await exporter.close();
  expect(collector.spans.map(({ name }) => name)).toEqual([
    ...Array.from({ length: 700 }, (_, i) => `${i}`),
    "last",
  ]);
  expect(collector.requests).toHaveLength(2);
  expect(exporter.lost).toEqual([]);
});

it("keeps no more spans than it may while the collector is slow, and counts the others", async () => {
  const held: (() => void)[] = [];
  const collector = await startCollector((response) => held.push(() => response.end("{}")));
  const exporter = anExporter(collector.url, { queue: 10 });
  exporter.add(aSpan("first"));
  await until("the first is on its way", () => held.length === 1);
  for (let i = 0; i < 100; i++) exporter.add(aSpan(`${i}`));
  held[0]?.();
  await until("the others come", () => held.length === 2);
  held[1]?.();
  expect(collector.spans).toHaveLength(11);
  expect(exporter.lost).toEqual([[90, "more spans than are taken"]]);
});

it("tries again what may succeed later, and not what the collector refuses", async () => {
  const statuses = [503, 200, 400, 200];
  const collector = await startCollector((response) => response.writeHead(statuses.shift() ?? 200).end());
  const exporter = anExporter(collector.url);
  exporter.add(aSpan("again"));
  await collector.received(2);
  exporter.add(aSpan("refused"));
  await until("it is told", () => exporter.lost.length === 1);
  exporter.add(aSpan("after"));
  await collector.received(4);
  expect(collector.spans.map(({ name }) => name)).toEqual(["again", "again", "refused", "after"]);
  expect(exporter.lost).toEqual([[1, "answered 400"]]);
});

it("gives up on a collector that is not there, and ends at once when it is closed", async () => {
  const collector = await startCollector();
  await collector.close();
  const exporter = anExporter(collector.url);
  for (let i = 0; i < 3; i++) exporter.add(aSpan(`${i}`));
  await exporter.close();
  expect(exporter.lost).toEqual([[3, "ECONNREFUSED"]]);
  exporter.add(aSpan("late"));
  await exporter.close();
  expect(exporter.lostSpans()).toBe(4);
});

it("waits for a collector that never answers no longer than for one request, and neither does its end", async () => {
  const collector = await startCollector(() => {});
  const exporter = anExporter(collector.url, { timeoutMs: 50, delayMs: 1 });
  exporter.add(aSpan("first"));
  await collector.received(1);
  for (let i = 0; i < 2000; i++) exporter.add(aSpan(`${i}`));
  await exporter.close();
  expect(exporter.lostSpans()).toBe(2001);
  expect(exporter.lost.map(([, why]) => why)).toContain("no answer within 50 ms");
});
