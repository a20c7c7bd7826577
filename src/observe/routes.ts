/** The route of what no prefix matches. */
const OTHER_ROUTE = "other";

/**
 * Which route does a request belong to? One of so few that each can have series of its own: the longest of the
 * operator's path prefixes that its path begins with (METRICS_ROUTES), else "other".
 */
export class Routes<Counts> {
  readonly #prefixes: readonly (readonly [prefix: string, counts: Counts])[];
  readonly #other: Counts;

  constructor(prefixes: readonly string[], create: () => Counts) {
    const longestFirst = [...new Set(prefixes)].sort((a, b) => b.length - a.length);
    this.#prefixes = longestFirst.map((prefix) => [prefix, create()]);
    this.#other = create();
  }

  /** What is counted of the route that a target URI, or a request-target, belongs to. */
  of(uri: string): Counts {
    if (this.#prefixes.length === 0) return this.#other;
    // An authority has one character at least, so that no path begins sooner.
    const path = uri.startsWith("/") ? 0 : uri.indexOf("/", "http://a".length);
    if (path === -1) return this.#other;
    for (const [prefix, counts] of this.#prefixes) if (uri.startsWith(prefix, path)) return counts;
    return this.#other;
  }

  all(): readonly (readonly [route: string, counts: Counts])[] {
    return [...this.#prefixes, [OTHER_ROUTE, this.#other]];
  }
}
