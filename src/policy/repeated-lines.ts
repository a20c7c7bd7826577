import type { FieldLines } from "./fields.ts";

/** To keep what is concluded of lines costs as much as some requests: only of those that come this often in a row. */
export const OFTEN = 16;

/** Lines that have come so often, each section of them as one and the same object. */
const repeated = new WeakSet<FieldLines>();

/** Whoever reads a section again and again as the same object says so: what others conclude of it is kept then. */
export const markRepeated = (lines: FieldLines): void => void repeated.add(lines);

export const isRepeated = (lines: FieldLines): boolean => repeated.has(lines);

/** The same pure function of field lines, with its answers to those that are repeated at hand. */
export function rememberingLines<Answer extends object>(
  answer: (lines: FieldLines) => Answer,
): (lines: FieldLines) => Answer {
  const answers = new WeakMap<FieldLines, Answer>();
  return (lines) => {
    const known = answers.get(lines);
    if (known !== undefined) return known;
    const given = answer(lines);
    if (repeated.has(lines)) answers.set(lines, given);
    return given;
  };
}

/** The same of a function from lines to lines: what it makes of those that are repeated is repeated, too. */
export const rememberingLinesOf = (answer: (lines: FieldLines) => FieldLines) =>
  rememberingLines((lines) => {
    const given = answer(lines);
    if (repeated.has(lines)) markRepeated(given);
    return given;
  });

/**
 * The same of a function of lines and what they are for: at hand is what it said last of lines that are repeated.
 * `same`: do both come to the same? What it says again is the same object, and repeated, too.
 */
export function rememberingLast<For>(
  answer: (lines: FieldLines, what: For) => FieldLines,
  same: (one: For, other: For) => boolean,
): (lines: FieldLines, what: For) => FieldLines {
  const lastOf = new WeakMap<FieldLines, { readonly what: For; readonly given: FieldLines }>();
  return (lines, what) => {
    const last = lastOf.get(lines);
    if (last !== undefined && same(last.what, what)) return last.given;
    const given = answer(lines, what);
    if (repeated.has(lines)) {
      lastOf.set(lines, { what, given });
      markRepeated(given);
    }
    return given;
  };
}
