import fc from "fast-check";
import { describe, expect } from "vitest";
import { type PlainHead, readHead } from "../../../src/server/lane/head.ts";
import { mutations, REQUESTS } from "../../scenario/plain-lane-requests.ts";
import { readRequests } from "../strict-reader.ts";
import { fuzz } from "./harness.ts";
import { nodeServer } from "./node-server.ts";

const MAX_BYTES = 16_384;
const node = nodeServer(MAX_BYTES);

const read = (text: string, known?: PlainHead["section"]) =>
  readHead(Buffer.from(text, "latin1"), 0, known, MAX_BYTES);
const verdict = (text: string): string => {
  const head = read(text);
  return typeof head === "string" ? head : "plain";
};

const BASES = REQUESTS.map(([, bytes]) => bytes).filter((bytes) => bytes.length < 600);
/** Plain ones, and ones that are nearly plain. */
const heads = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...BASES.filter((bytes) => verdict(bytes) === "plain")) },
      { weight: 1, arbitrary: fc.constantFrom(...BASES) },
    ),
    mutations,
  )
  .map(([base, mutate]) => mutate(base));

describe("what the plain lane takes for a head", () => {
  fuzz("a strict reader and Node's parser read alike", {
    corpus: "heads",
    inputs: heads,
    runs: 2500,
    holds: async (bytes) => {
      const head = read(bytes);
      if (typeof head === "string") return;
      const { method, target, end, section } = head;
      const [strict] = readRequests(bytes.slice(0, end)).requests;
      expect(strict).toMatchObject({ method, target, version: "1.1", body: "" });
      expect(strict?.fields.flat()).toEqual(
        section.fields.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text)),
      );
      const [request, ...others] = await node(bytes.slice(0, end));
      expect(others).toEqual([]);
      const { incoming, body } = request ?? {};
      expect([incoming?.method, incoming?.url, body]).toEqual([method, target, ""]);
      expect(incoming?.rawHeaders).toEqual(section.fields);
      expect(incoming?.headers.host).toBe(section.host);
    },
  });

  fuzz("is one in any pieces, and where its fields are known already", {
    corpus: "heads",
    inputs: heads,
    runs: 2000,
    holds: (bytes) => {
      const head = read(bytes);
      for (let length = 0; length < bytes.length; length += bytes.length < 200 ? 1 : 7) {
        const before = verdict(bytes.slice(0, length));
        if (typeof head !== "string" && length < head.end) expect(before).toBe("incomplete");
        if (before === "exotic") expect(head).toBe("exotic");
      }
      for (const other of BASES.slice(0, 3)) {
        const known = read(other);
        if (typeof known !== "string") expect(read(bytes, known.section)).toEqual(head);
      }
      if (typeof head === "string") return;
      expect(read(bytes, head.section)).toEqual(head);
      expect(readHead(Buffer.from(`GET /${bytes}`, "latin1"), 5, head.section, MAX_BYTES)).toMatchObject({
        target: head.target,
        end: head.end + 5,
      });
    },
  });
});
