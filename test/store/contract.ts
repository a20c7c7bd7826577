import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ChunkedBody, readBytes } from "../../src/cache/ports/body.ts";
import type { Lookup, Store } from "../../src/cache/ports/store.ts";
import { bodyChecksum } from "../../src/store/codec.ts";
import { bytes, entryOf, KEY, sampleEntry, T0, testClock } from "./sample.ts";

const CHUNK = 256 * 1024;

/**
 * What every Store promises (src/cache/ports/store.ts). `make` gives an empty one whose clock stands at T0,
 * `largest` is the longest body that it keeps.
 */
export function storeContract(
  name: string,
  make: (clock: ReturnType<typeof testClock>) => Promise<Store>,
  largest = Number.POSITIVE_INFINITY,
): void {
  describe(`${name} keeps the Store contract`, () => {
    let store: Store;
    let clock: ReturnType<typeof testClock>;
    beforeEach(async () => {
      clock = testClock();
      store = await make(clock);
    });
    afterEach(() => store.close());

    const body = async (lookup: Lookup): Promise<string> =>
      lookup.type === "found" ? Buffer.from(await readBytes(lookup.entry.body)).toString() : lookup.fwd;
    const ask = async (key: string, ...request: string[]) => body(await store.lookup(key, request));

    it("misses what was never put", async () => {
      expect(await store.lookup(KEY, [])).toEqual({ type: "none", fwd: "uri-miss" });
    });

    it("gives back exactly what was put", async () => {
      const entry = sampleEntry("hello");
      await store.put(KEY, entry);
      const found = await store.lookup(KEY, ["Accept", "text/plain"]);
      if (found.type !== "found") throw new Error("not found");
      expect(found.entry.stored).toEqual(entry.stored);
      expect(Buffer.from(await readBytes(found.entry.body)).equals(entry.body)).toBe(true);
    });

    it("gives back every byte of a body", async () => {
      const every = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256));
      await store.put(KEY, entryOf(new Uint8Array(every)));
      const found = await store.lookup(KEY, []);
      expect(found.type === "found" && every.equals(await readBytes(found.entry.body))).toBe(true);
    });

    it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 10 * 1024 * 1024])(
      "gives back a body of %d bytes, whole, in ranges and freshened, or nothing where it keeps none so long",
      async (length) => {
        const whole = Buffer.from(bytes(length));
        const entry = entryOf(whole);
        await store.put(KEY, entry);
        let found = await store.lookup(KEY, []);
        expect(found.type).toBe(length > largest ? "none" : "found");
        if (found.type === "none") return;
        expect(found.entry.body.length).toBe(length);
        expect(whole.equals(await readBytes(found.entry.body))).toBe(true);
        for (const [first, last] of [
          [0, 0],
          [CHUNK - 1, CHUNK],
          [CHUNK, 2 * CHUNK - 1],
          [length - 1, length - 1],
        ] as const) {
          if (first < 0 || last >= length) continue;
          const range = await readBytes(found.entry.body, first, last);
          expect(whole.subarray(first, last + 1).equals(range)).toBe(true);
        }
        await store.freshen(KEY, { ...found.entry, stored: { ...entry.stored, responseTime: T0 + 60_000 } });
        clock.advance(130);
        found = await store.lookup(KEY, []);
        expect(found.type === "found" && whole.equals(await readBytes(found.entry.body))).toBe(true);
      },
    );

    it.each([1000, 3 * CHUNK + 1])("takes a body of %d bytes that lies elsewhere", async (length) => {
      const whole = bytes(length);
      const body: ChunkedBody = {
        length,
        checksum: bodyChecksum(whole),
        async *read(first, last) {
          for (let at = first; at <= last; at += 700) yield whole.subarray(at, Math.min(at + 700, last + 1));
        },
      };
      const { stored } = entryOf(whole);
      for (const write of ["put", "freshen"] as const) {
        await store.drop({ type: "url", key: KEY });
        await store[write](KEY, { stored, body });
        const found = await store.lookup(KEY, []);
        if (found.type !== "found") throw new Error("not found");
        expect(Buffer.from(whole).equals(await readBytes(found.entry.body))).toBe(true);
      }
    });

    it("keeps an empty body", async () => {
      await store.put(KEY, sampleEntry(""));
      expect((await store.lookup(KEY, [])).type).toBe("found");
    });

    it("keeps the resources of different keys apart", async () => {
      const other = `${KEY}&x`;
      await store.put(KEY, sampleEntry("one"));
      await store.put(other, sampleEntry("two", { uri: other }));
      expect(await ask(KEY)).toBe("one");
      expect(await ask(other)).toBe("two");
    });

    it("keeps long and odd keys apart", async () => {
      const odd = [
        `http://h/${"x".repeat(5000)}a`,
        `http://h/${"x".repeat(5000)}b`,
        "http://h/{a}",
        "http://h/{b}",
      ];
      for (const key of [...odd, "purges", "http://h/\x01", "http://h/é"]) {
        await store.put(key, sampleEntry(`of ${key}`, { uri: key }));
        expect(await ask(key)).toBe(`of ${key}`);
      }
      for (const key of odd) expect(await ask(key)).toBe(`of ${key}`);
    });

    it("replaces an entry by a later put", async () => {
      await store.put(KEY, sampleEntry("old"));
      await store.put(KEY, sampleEntry("new"));
      expect(await ask(KEY)).toBe("new");
    });

    it("ends an entry with its last window, to the millisecond", async () => {
      await store.put(KEY, sampleEntry("hello"));
      clock.advance(119.999);
      expect(await ask(KEY)).toBe("hello");
      clock.advance(0.001);
      expect(await ask(KEY)).toBe("uri-miss");
    });

    it("does not keep what is over already, nor what that replaces", async () => {
      await store.put(KEY, sampleEntry("old"));
      await store.put(KEY, sampleEntry("dead", { responseTime: T0 - 120_000 }));
      expect(await ask(KEY)).toBe("uri-miss");
    });

    it("selects a variant by the request's fields", async () => {
      await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
      await store.put(KEY, sampleEntry("plain", { selectingFields: { "a-coding": null } }));
      expect(await ask(KEY, "A-Coding", "gzip")).toBe("zipped");
      expect(await ask(KEY)).toBe("plain");
      expect(await ask(KEY, "A-Coding", "br")).toBe("vary-miss");
    });

    it("selects among variants that different fields divide, the newest first", async () => {
      await store.put(KEY, sampleEntry("by encoding", { selectingFields: { "a-coding": "gzip" } }));
      await store.put(
        KEY,
        sampleEntry("by language", { selectingFields: { "a-tongue": "eo" }, responseTime: T0 + 1 }),
      );
      expect(await ask(KEY, "A-Coding", "gzip")).toBe("by encoding");
      expect(await ask(KEY, "A-Coding", "gzip", "A-Tongue", "eo")).toBe("by language");
      expect(await ask(KEY, "A-Coding", "br", "A-Tongue", "de")).toBe("vary-miss");
    });

    it("selects the newest response, not the last one put", async () => {
      const changes = { selectingFields: { "a-coding": "gzip" }, responseTime: T0 + 1 };
      await store.put(KEY, sampleEntry("newer", changes));
      await store.put(KEY, sampleEntry("older", { selectingFields: { "a-tongue": "eo" } }));
      expect(await ask(KEY, "A-Coding", "gzip", "A-Tongue", "eo")).toBe("newer");
    });

    it("answers every request with a newer response that nothing selects", async () => {
      await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
      await store.put(KEY, sampleEntry("for all", { responseTime: T0 + 1 }));
      expect(await ask(KEY, "A-Coding", "gzip")).toBe("for all");
      expect(await ask(KEY)).toBe("for all");
    });

    it("shows every variant to those who only look, until each is over", async () => {
      expect(await store.inspect(KEY)).toEqual([]);
      await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
      await store.put(KEY, sampleEntry("plain", { selectingFields: { "a-coding": null }, keep: 0 }));
      await store.put(`${KEY}&x`, sampleEntry("other", { uri: `${KEY}&x` }));
      const seen = async () => {
        const all = await store.inspect(KEY);
        const bodies = await Promise.all(all.map(async ({ entry }) => readBytes(entry.body)));
        return [...new Set(bodies.map((bytes) => Buffer.from(bytes).toString()))].sort();
      };
      expect(await seen()).toEqual(["plain", "zipped"]);
      clock.advance(60);
      expect(await seen()).toEqual(["zipped"]);
      await store.put(KEY, sampleEntry("for all"));
      expect(await seen()).toContain("for all");
    });

    it("shows no more variants than it bounds them to", async () => {
      for (let i = 0; i < 40; i++)
        await store.put(
          KEY,
          sampleEntry(`for ${i}`, { selectingFields: { "x-who": `n${i}` }, responseTime: T0 + i }),
        );
      const all = await store.inspect(KEY);
      expect(new Set(all.map(({ entry }) => entry.stored.selectingFields["x-who"])).size).toBe(32);
      expect(all.length).toBeLessThanOrEqual(64);
    });

    it("freshens an entry: new windows, same body", async () => {
      const entry = sampleEntry("hello");
      await store.put(KEY, entry);
      const fields = ["Content-Type", "text/plain", "Age", "3"];
      const stored = { ...entry.stored, responseTime: T0 + 100_000, fields, epoch: 8 };
      await store.freshen(KEY, { stored, body: entry.body });
      clock.advance(150);
      const found = await store.lookup(KEY, []);
      if (found.type !== "found") throw new Error("not found");
      expect(found.entry.stored).toEqual(stored);
      expect(await body(found)).toBe("hello");
    });

    it("freshens one variant and leaves the others", async () => {
      const zipped = sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } });
      await store.put(KEY, zipped);
      await store.put(KEY, sampleEntry("plain", { selectingFields: { "a-coding": null } }));
      await store.freshen(KEY, { ...zipped, stored: { ...zipped.stored, responseTime: T0 + 60_000 } });
      clock.advance(130);
      expect(await ask(KEY, "A-Coding", "gzip")).toBe("zipped");
      expect(await ask(KEY)).not.toBe("plain");
    });

    it("freshens what it has lost by putting it", async () => {
      await store.freshen(KEY, sampleEntry("hello"));
      expect(await ask(KEY)).toBe("hello");
    });

    it("freshens nothing onto another body", async () => {
      await store.put(KEY, sampleEntry("hello"));
      await store.freshen(KEY, sampleEntry("other"));
      expect(await ask(KEY)).toBe("other");
    });

    it("drops every variant of a resource, and nothing else", async () => {
      const other = `${KEY}&x`;
      await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
      await store.put(KEY, sampleEntry("eo", { selectingFields: { "a-tongue": "eo" } }));
      await store.put(other, sampleEntry("two", { uri: other }));
      await store.drop({ type: "url", key: KEY });
      expect(await ask(KEY, "A-Coding", "gzip", "A-Tongue", "eo")).toBe("uri-miss");
      expect(await ask(other)).toBe("two");
    });

    it("drops what is not there without complaint", async () => {
      await store.drop({ type: "url", key: KEY });
      await store.drop({ type: "everything" });
      expect(await ask(KEY)).toBe("uri-miss");
    });

    it("bounds the variants of one resource, and the newest survive", async () => {
      for (let i = 0; i < 40; i++) {
        const changes = { selectingFields: { "x-who": `n${i}` }, responseTime: T0 + i };
        await store.put(KEY, sampleEntry(`for ${i}`, changes));
      }
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(KEY, "X-Who", `n${i}`)));
      expect(answers.filter((answer) => answer !== "vary-miss")).toHaveLength(32);
      expect(answers.slice(8)).toEqual(Array.from({ length: 32 }, (_, i) => `for ${i + 8}`));
    });
  });
}
