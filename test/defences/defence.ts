/** A piece of code that defends. */
interface Piece {
  /** Where, from the root of the repository. */
  readonly file: string;
  /** It is there once. */
  readonly find: string;
  /** What stands there without it. */
  readonly without: string;
}

/** One defence, and the test that misses it when it is gone. */
export interface Defence extends Piece {
  /** The threat or fault, in the words of the tables of docs/security.md and docs/operations.md where it is in one. */
  readonly threat: string;
  /** What Freshline does about it. */
  readonly defence: string;
  /** What stands behind it, so that it alone is not missed: taken out with it. */
  readonly also?: readonly Piece[];
  /** The file of the test that must fail then. */
  readonly test: string;
  /** A part of its full name, in which `…` stands for anything. */
  readonly name: string;
}

/** The parts of a test's name between the `…`. */
export const partsOf = (name: string): string[] => name.split("…").map((part) => part.trim());

/** What vitest's `-t` takes for it, which has ` > ` before the name of what is in a `describe`. */
export const patternOf = (name: string): string =>
  partsOf(name)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", "(?: > | )"))
    .join(".*");

/** All that is taken out. */
export const piecesOf = (row: Defence): readonly Piece[] => [row, ...(row.also ?? [])];

/** The source without the piece. Throws where that is not there exactly once. */
export function without({ file, find, without: instead }: Piece, source: string): string {
  const at = source.indexOf(find);
  if (at === -1) throw new Error(`${file} has no ${JSON.stringify(find)}: mend its row in test/defences`);
  if (source.indexOf(find, at + 1) !== -1)
    throw new Error(`${file} has ${JSON.stringify(find)} more than once`);
  return source.slice(0, at) + instead + source.slice(at + find.length);
}
