import { describe, expect, it } from "vitest";
import { Scratch } from "../../src/server/lane/scratch.ts";

describe("memory for what is put together and written at once", () => {
  it("is used again, in as many bytes as are asked for", () => {
    const scratch = new Scratch();
    const lengths = [10, 74, 10, 138, 0, 64, 65_536, 65_537, 10];
    const rooms = lengths.map((length) => scratch.room(length));
    expect(rooms.map(({ length }) => length)).toEqual(lengths);
    expect(rooms[8]?.buffer).toBe(rooms[0]?.buffer);
    expect(scratch.room(10)).toBe(scratch.room(10));
  });

  it("is another one where what was given last is kept, whatever is asked for then", () => {
    const scratch = new Scratch();
    const kept: Buffer[] = [];
    for (let i = 0; i < 200; i++) {
      const length = 1 + (i % 5) * 1000;
      const room = scratch.room(length).fill(i);
      expect(room.length).toBe(length);
      scratch.room(length).fill(i);
      if (i % 3 !== 0) continue;
      scratch.keep(room);
      kept.push(room);
    }
    for (const [i, room] of kept.entries()) expect(room.every((byte) => byte === 3 * i)).toBe(true);
  });
});
