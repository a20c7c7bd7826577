import type { Kind } from "./kinds.ts";

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** As a user would write it; empty for none. */
  readonly default: string;
  readonly meaning: string;
  /** Flags besides the name in kebab-case. */
  readonly aliases: readonly string[];
  /** A change of it takes effect with the next start alone. */
  readonly restart: boolean;
}

/** One that counts from the start to the end of the process. */
export const setting = <T>(
  kind: Kind<T>,
  defaultText: string,
  meaning: string,
  aliases: readonly string[] = [],
): Setting<T> & { readonly restart: true } => ({
  kind,
  default: defaultText,
  meaning,
  aliases,
  restart: true,
});

/** One that a reload changes: whoever reads it does so at each use (src/start/live-settings.ts, src/origin/pool.ts). */
export const live = <T>(...row: Parameters<typeof setting<T>>): Setting<T> & { readonly restart: false } => ({
  ...setting(...row),
  restart: false,
});
