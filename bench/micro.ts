/**
 * What do the parts of a hit cost, each by itself? Nanoseconds of this process's CPU, the median of many
 * turns: `node bench/micro.ts [part of a name]`. One part in a loop has its code and data in the nearest
 * caches, so that a sum of these is less than what a request costs.
 */
import type { Entry } from "../src/cache/ports/store.ts";
import { decide } from "../src/policy/decide.ts";
import { primaryKey, variantMatches } from "../src/policy/key.ts";
import type { StoredResponse } from "../src/policy/stored-response.ts";
import { readHead } from "../src/server/lane/head.ts";
import { bodyChecksum, decodeMeta, encodeMeta } from "../src/store/codec.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { articleOf, keyOf } from "./article.ts";
import { bytesOf, COOKIE, requestFor, SITE } from "./request.ts";

const TURNS = 21;
const TURN_MICROS = 50_000;
const NOW = 1_795_262_400_000;
const ENTRIES = 10_000;
const MIB = 1024 * 1024;

/** As the article of the same number, in a variant. */
function storedOf(i: number, bodyBytes: number): StoredResponse {
  const { stored } = articleOf(i, bodyBytes, NOW);
  return {
    ...stored,
    selectingFields: { "accept-encoding": "gzip" },
    fields: [...stored.fields, "Vary", "Accept-Encoding"],
  };
}

const request = requestFor("/catalogue/articles/1", COOKIE);
const fields = request.fields.flat();
const stored = storedOf(1, 1024);
const body = Buffer.alloc(1024, "x");
const longBody = Buffer.alloc(65_536, "x");
const facts = {
  method: "GET",
  fields,
  directives: { noCache: false, noStore: false, onlyIfCached: false },
  hasBody: false,
};
const plain = requestFor("/catalogue/articles/1", COOKIE, ["Connection", "keep-alive"]);
const head = Buffer.from(bytesOf(plain), "latin1");
const first = readHead(head, 0, undefined, 16_384);
const known = typeof first === "string" ? undefined : first.section;
const meta = encodeMeta(keyOf(1), stored, bodyChecksum(body));

const keyOf1 = keyOf(1);
const now = () => NOW;
const roomy = new MemoryStore({ capacity: 256 * MIB, now });
const tight = new MemoryStore({ capacity: 4 * MIB, now });
for (let i = 0; i < ENTRIES; i += 1) roomy.keep(keyOf(i), { stored: storedOf(i, 1024), body });
const entries = Array.from({ length: ENTRIES }, (_, i) => ({ stored: storedOf(i, 1024), body }));
const keys = entries.map((_, i) => keyOf(i));
/** A walk that is not in the order in which they were stored. */
const scattered = (i: number): string => keys[(i * 7919) % ENTRIES] as string;

const PARTS: Readonly<Record<string, (i: number) => unknown>> = {
  "lane: a head, its fields as before": () => readHead(head, 0, known, 16_384),
  "lane: a head, read anew": () => readHead(head, 0, undefined, 16_384),
  "key: of a request": (i) => primaryKey("http", SITE, i % 2 === 0 ? "/catalogue/articles/1" : "/about"),
  "key: does a variant match": () => variantMatches(stored.selectingFields, fields),
  "decide: a fresh response": () => decide(facts, stored, NOW + 1000),
  "memory: look-up, one entry": () => roomy.lookup(keyOf1, fields),
  "memory: look-up, 10,000 entries": (i) => roomy.lookup(scattered(i), fields),
  "memory: look-up that finds nothing": () => roomy.lookup("http://elsewhere.example.test/", fields),
  "memory: put that evicts, 1 KiB": (i) => tight.keep(scattered(i), entries[(i * 7919) % ENTRIES] as Entry),
  "codec: encode a meta record": () => encodeMeta(keyOf1, stored, 1),
  "codec: decode a meta record": () => decodeMeta(meta),
  "codec: checksum of 1 KiB": () => bodyChecksum(body),
  "codec: checksum of 64 KiB": () => bodyChecksum(longBody),
};
/** What came of the last call, so that no compiler leaves it out. */
export let last: unknown;

const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** Microseconds of CPU of so many calls. */
function time(act: (i: number) => unknown, calls: number): number {
  const before = cpuMicros();
  for (let i = 0; i < calls; i += 1) last = act(i);
  return cpuMicros() - before;
}

function nanosOf(act: (i: number) => unknown): { median: number; least: number; most: number } {
  let calls = 1000;
  // Compiled meanwhile.
  while (time(act, calls) < TURN_MICROS) calls *= 2;
  const turns = Array.from({ length: TURNS }, () => (time(act, calls) * 1000) / calls).toSorted(
    (a, b) => a - b,
  );
  const [least = 0, median = 0, most = 0] = [turns[0], turns[TURNS >> 1], turns.at(-1)];
  return { median, least, most };
}

const wanted = process.argv[2] ?? "";
for (const [name, act] of Object.entries(PARTS).filter(([each]) => each.includes(wanted))) {
  const { median, least, most } = nanosOf(act);
  console.log(
    `${name.padEnd(38)} ${median.toFixed(0).padStart(7)} ns  (${least.toFixed(0)} – ${most.toFixed(0)})`,
  );
}
