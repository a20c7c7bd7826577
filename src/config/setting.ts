import type { Kind } from "./kinds.ts";

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** As a user would write it; empty for none. */
  readonly default: string;
  readonly meaning: string;
  /** Flags besides the name in kebab-case. */
  readonly aliases: readonly string[];
}

export const setting = <T>(
  kind: Kind<T>,
  defaultText: string,
  meaning: string,
  aliases: readonly string[] = [],
): Setting<T> => ({ kind, default: defaultText, meaning, aliases });
