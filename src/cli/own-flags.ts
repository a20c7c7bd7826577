/** Flags of one command, and whether they take a value. */
export type OwnFlags = ReadonlyMap<string, "text" | "switch">;

export interface OwnFlag {
  readonly flag: string;
  readonly value: string | undefined;
}

/** The flag as it is meant, or what is wrong with it. */
export function readOwnFlag(
  flags: OwnFlags,
  flag: string,
  value: string | undefined,
  inline: boolean,
): OwnFlag | string {
  if (flags.get(flag) === "switch") return value === undefined ? { flag, value } : `${flag} takes no value`;
  if (value === undefined || (!inline && value.startsWith("-"))) return `${flag} needs a value`;
  return { flag, value };
}
