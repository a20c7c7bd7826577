/** What Node is given for the proxy: young objects have 16 MiB instead of 64. docs/decisions/0025-memory-tier.md says why. */
export const NODE_ARGS: readonly string[] = ["--max-semi-space-size=8"];

/** And what its C library is told: memory of a few threads is in two arenas, not in one for each of them. */
export const PROXY_ENV: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "2" };
