import { crc32, deflateSync, inflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { withPalette } from "./palette-png.ts";

const chunk = (type: string, data: Buffer): Buffer => {
  const named = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(4);
  frame.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([frame, named, sum]);
};

/** Two lines of three pixels, red, green and blue, the second line as filtered by `filter`. */
function picture(filter: number, second: readonly number[]): Buffer {
  const header = Buffer.from([0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
  const lines = Buffer.from([0, 255, 0, 0, 0, 255, 0, 0, 0, 255, filter, ...second]);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(lines)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function colorsOf(png: Buffer): number[][] {
  const part = (type: string) => {
    const at = png.indexOf(type, 0, "latin1");
    return png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4));
  };
  const palette = part("PLTE");
  const lines = inflateSync(part("IDAT"));
  return [1, 2, 3, 5, 6, 7].map((at) => [...palette.subarray(3 * lines[at]!, 3 * lines[at]! + 3)]);
}

const FIRST = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
];

it.each([
  ["none", 0, [255, 0, 0, 0, 255, 0, 0, 0, 255]],
  ["sub", 1, [255, 0, 0, 1, 255, 0, 0, 1, 255]],
  ["up", 2, [0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["average", 3, [128, 0, 0, 129, 128, 0, 0, 129, 128]],
  ["Paeth", 4, [0, 0, 0, 0, 0, 0, 0, 0, 0]],
])("keeps each pixel's colour where there are few: filter %s", (_name, filter, second) => {
  expect(colorsOf(withPalette(picture(filter, second)))).toEqual([...FIRST, ...FIRST]);
});

it("refuses what it cannot read", () => {
  const interlaced = picture(0, [0, 0, 0, 0, 0, 0, 0, 0, 0]);
  interlaced[28] = 1;
  expect(() => withPalette(interlaced)).toThrow("not a PNG");
});
