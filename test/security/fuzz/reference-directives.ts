/** A directive's name in lower case, and its argument without quotes; null where there is none. */
export type Given = readonly [name: string, argument: string | null];

const MEMBER =
  /[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)"))?)?[ \t]*(?:,|$)/y;

/** The directives of a field that is as RFC 9111 §5.2 and RFC 9110 §5.6.1 have it; undefined where it is not. */
export function strictly(value: string): Given[] | undefined {
  const given: Given[] = [];
  for (let at = 0; at <= value.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    const [whole, name, token, quoted] = MEMBER.exec(value) ?? [];
    if (whole === undefined) return undefined;
    if (name !== undefined)
      given.push([name.toLowerCase(), token ?? quoted?.replace(/\\(.)/gs, "$1") ?? null]);
    if (!whole.endsWith(",")) return given;
  }
  return given;
}

/** What others may make of any field: quotation marks that mean nothing, that mean something, and that must be closed. */
export function loosely(value: string): Given[][] {
  const readings = [value.split(","), split(value, true), split(value, false)];
  return readings.map((members) =>
    members
      .map((member): Given => {
        const [name = "", ...argument] = member.split("=");
        const text = argument.join("=").replace(/^[ \t]+|[ \t]+$/g, "");
        const inner = /^"(.*)"$/s.exec(text)?.[1]?.replace(/\\(.)/gs, "$1");
        return [
          name.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase(),
          argument.length === 0 ? null : (inner ?? text),
        ];
      })
      .filter(([name]) => name !== ""),
  );
}

/** At commas that no quotation marks are around; one that is never closed hides all behind it, or nothing. */
export function split(value: string, hides: boolean): string[] {
  const members: string[] = [];
  let member = "";
  for (let at = 0; at < value.length; at++) {
    const quoted = /^"(?:[^"\\]|\\.)*"/s.exec(value.slice(at))?.[0];
    if (quoted !== undefined || (value[at] === '"' && hides)) {
      const text = quoted ?? value.slice(at);
      member += text;
      at += text.length - 1;
    } else if (value[at] === ",") {
      members.push(member);
      member = "";
    } else member += value[at];
  }
  return [...members, member];
}
