import fc from "fast-check";
import { expect, it } from "vitest";
import { type Loan, ReusedMemory } from "../../src/store/reused-memory.ts";

const KIB = 1024;

function lent(memory: ReusedMemory, bytes: number): Loan {
  const loan = memory.lend(bytes);
  if (loan === undefined) throw new Error(`${bytes} bytes are not lent`);
  return loan;
}

it("what was given back is lent again, to whoever wants about as much", () => {
  const memory = new ReusedMemory();
  const first = lent(memory, 60_000);
  expect(first.bytes).toHaveLength(60_000);
  expect(lent(memory, 60_000).bytes.buffer).not.toBe(first.bytes.buffer);
  first.giveBack();
  expect(lent(memory, 30_000).bytes.buffer).not.toBe(first.bytes.buffer);
  const again = lent(memory, 65_536);
  expect(again.bytes.buffer).toBe(first.bytes.buffer);
  expect(again.bytes).toHaveLength(65_536);
});

it("only the first giving back counts, also when another has it by then", () => {
  const memory = new ReusedMemory();
  const first = lent(memory, 10_000);
  first.giveBack();
  first.giveBack();
  expect(memory.bytes).toBe(16 * KIB);
  const second = lent(memory, 10_000);
  first.giveBack();
  expect(lent(memory, 10_000).bytes.buffer).not.toBe(second.bytes.buffer);
});

it.each([0, 1, 4096, 262_145, 8 * KIB * KIB])("%d bytes are not worth it", (bytes) => {
  expect(new ReusedMemory().lend(bytes)).toBeUndefined();
});

it("what waits is bounded, and what is lent to nobody twice, whatever is lent and given back", () => {
  const step = fc.record({ bytes: fc.integer({ min: 4097, max: 262_144 }), back: fc.option(fc.nat(20)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const capacity = 512 * KIB;
      const memory = new ReusedMemory(capacity);
      const loans: Loan[] = [];
      for (const { bytes, back } of steps) {
        loans.push(lent(memory, bytes));
        if (back !== null) loans.splice(back, 1)[0]?.giveBack();
        expect(memory.bytes).toBeLessThanOrEqual(capacity);
      }
      expect(new Set(loans.map((loan) => loan.bytes.buffer)).size).toBe(loans.length);
    }),
  );
});

it("a full one takes no more", () => {
  const memory = new ReusedMemory(16 * KIB);
  const loans = [lent(memory, 9000), lent(memory, 9001), lent(memory, 5000)];
  for (const loan of loans) loan.giveBack();
  expect(memory.bytes).toBe(16 * KIB);
});
