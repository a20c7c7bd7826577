import { describe, expect, it } from "vitest";
import { isAllOfIts, memoryFor, ROOM_BYTES, takeRoom, withHead } from "../../src/cache/ports/body-room.ts";

const head = Buffer.from("HTTP/1.1 200 OK\r\n\r\n");
const bodyOf = (length: number) => memoryFor(length).fill(0x78);

describe("memory for a body", () => {
  it.each([0, 1, 8192, 8193, 65_536, 65_537])("of %i bytes is so long, and zero", (length) => {
    const body = memoryFor(length);
    expect([body.length, body.every((byte) => byte === 0), isAllOfIts(body)]).toEqual([length, true, true]);
  });

  it.each([
    [8192, 0],
    [8193, ROOM_BYTES],
    [65_536, ROOM_BYTES],
    [65_537, 0],
  ])("of %i bytes has %i more before it", (length, more) => {
    expect(memoryFor(length).buffer.byteLength).toBe(length + more);
  });
});

describe("a head", () => {
  it("goes before the body, in one piece with it, and changes none of it", () => {
    const body = bodyOf(9000);
    const whole = withHead(head, body);
    expect(whole?.toString("latin1")).toBe(`${head.toString("latin1")}${"x".repeat(9000)}`);
    expect(whole?.buffer).toBe(body.buffer);
    expect(body.every((byte) => byte === 0x78)).toBe(true);
  });

  it("may be another one each time, of another length", () => {
    const body = bodyOf(9000);
    for (const text of ["a", "bb", "cc", "", "d".repeat(ROOM_BYTES), "e"])
      expect(withHead(Buffer.from(text), body)?.toString("latin1")).toBe(text + "x".repeat(9000));
  });

  it("that is longer than the room goes by itself", () => {
    expect(withHead(Buffer.alloc(ROOM_BYTES + 1), bodyOf(9000))).toBeUndefined();
  });

  it.each<[string, Uint8Array]>([
    ["a part of a body", bodyOf(9000).subarray(1)],
    ["the beginning of one", bodyOf(9000).subarray(0, 8500)],
    ["a body in a buffer of its own", new Uint8Array(9000)],
    ["one that begins as far in another's", new Uint8Array(ROOM_BYTES + 9000).subarray(ROOM_BYTES)],
  ])("does not go before %s", (_, body) => {
    expect(withHead(head, body)).toBeUndefined();
  });

  it("waits for nobody: while another is still read from, it goes by itself", () => {
    const body = bodyOf(9000);
    const first = withHead(head, body);
    const leave = takeRoom(body);
    expect(withHead(Buffer.from("another"), body)).toBeUndefined();
    expect(first?.subarray(0, head.length)).toEqual(head);
    leave();
    expect(withHead(Buffer.from("another"), body)?.toString("latin1", 0, 8)).toBe("anotherx");
  });
});
