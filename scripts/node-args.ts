/** What Node is given for the proxy: young objects have 16 MiB instead of 64. docs/decisions/0025-memory-tier.md says why. */
export const NODE_ARGS: readonly string[] = ["--max-semi-space-size=8"];
