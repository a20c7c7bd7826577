import { describe, expect, it } from "vitest";
import { parseSlots, redirectionIn, slotOf } from "../../src/store/cluster-slots.ts";

describe("a key's slot", () => {
  // As CLUSTER KEYSLOT answers.
  it.each([
    ["123456789", 12739],
    ["", 0],
    ["foo", 12182],
    ["freshline:{foo}:vary", 12182],
    ["{}foo", 9500],
    ["foo{}{bar}", 8363],
    ["foo{{bar}}zap", 4015],
    ["ключ", 10303],
  ])("of %j is %i", (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });
});

describe("the slots of a cluster", () => {
  it("are the masters', and one that does not know its host is where it was asked", () => {
    const reply = [
      [0, 99, ["10.0.0.1", 7000, "id"], ["10.0.0.2", 7001, "id"]],
      [100, 16383, [null, 7002, "id"]],
    ];
    expect(parseSlots(reply, "seed")).toEqual([
      { first: 0, last: 99, master: { host: "10.0.0.1", port: 7000 } },
      { first: 100, last: 16383, master: { host: "seed", port: 7002 } },
    ]);
  });

  it.each([
    ["a word", "OK"],
    ["a slot that there is not", [[0, 16384, ["h", 1]]]],
    ["a range without a master", [[0, 1]]],
    ["a port that is none", [[0, 1, ["h", null]]]],
  ])("are not believed: %s", (_, reply) => {
    expect(() => parseSlots(reply, "seed")).toThrow("CLUSTER SLOTS answered something else");
  });
});

describe("a redirection", () => {
  it.each([
    ["MOVED 12 10.0.0.1:7000", { type: "moved", slot: 12, server: { host: "10.0.0.1", port: 7000 } }],
    ["MOVED 12 :7000", { type: "moved", slot: 12, server: { host: "seed", port: 7000 } }],
    ["ASK 12 ::1:7000", { type: "ask", slot: 12, server: { host: "::1", port: 7000 } }],
    ["MOVED 16384 h:7000", undefined],
    ["MOVED __proto__ h:7000", undefined],
    ["ERR MOVED 12 h:7000", undefined],
  ])("in %j is %j", (message, redirection) => {
    expect(redirectionIn(message, "seed")).toEqual(redirection);
  });
});
