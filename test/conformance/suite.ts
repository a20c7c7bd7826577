import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The exact version of the package that is measured with; package.json pins it. */
export const SUITE_VERSION = "0.4.5";

/** `required` comes from the RFCs, `optimal` makes a cache a good one, `check` only asks what it does. */
export const KINDS = ["required", "optimal", "check"] as const;
export type Kind = (typeof KINDS)[number];

export interface SuiteTest {
  readonly id: string;
  readonly kind: Kind;
  /** Tests that have to pass before this one says anything. */
  readonly dependsOn: readonly string[];
}

export interface Section {
  readonly id: string;
  readonly name: string;
  readonly tests: readonly SuiteTest[];
}

/** What the suite said of one test: true, or the kind of its failure and a message. */
export type RawResult = true | readonly [kind: string, message: string];
export type RawResults = Readonly<Record<string, RawResult>>;

/** As the package exports them. */
interface PackageSection {
  readonly id: string;
  readonly name: string;
  readonly tests: readonly {
    readonly id: string;
    readonly kind?: Kind;
    readonly depends_on?: readonly string[];
    readonly browser_only?: boolean;
  }[];
}

type Fetch = (url: string, init?: object) => Promise<unknown>;

const ANSWER_DEADLINE_MS = 30_000;

interface Runner {
  runTests(
    sections: readonly PackageSection[],
    fetch: Fetch,
    browserCache: boolean,
    base: string,
  ): Promise<void>;
  getResults(): RawResults;
}

const require = createRequire(import.meta.url);
const fileOf = (path: string): string => require.resolve(`http-cache-tests/${path}`);

/** The package's own origin server, a program. */
export const ORIGIN_SERVER = fileOf("server/server.mjs");

/** The package has no types; `T` is what its file exports. */
const load = async <T>(path: string): Promise<T> => (await import(fileOf(path))) as T;

async function packageSections(): Promise<readonly PackageSection[]> {
  return (await load<{ default: readonly PackageSection[] }>("tests/index.mjs")).default;
}

/** The tests that concern a proxy, in the suite's order. */
export async function loadSections(): Promise<Section[]> {
  return (await packageSections()).map(({ id, name, tests }) => ({
    id,
    name,
    tests: tests
      .filter((test) => test.browser_only !== true)
      .map((test) => ({ id: test.id, kind: test.kind ?? "required", dependsOn: test.depends_on ?? [] })),
  }));
}

/** Runs the whole suite against a proxy. The package keeps its state in its modules: once in a process, no more. */
export async function runSuite(base: string): Promise<RawResults> {
  const { runTests, getResults } = await load<Runner>("client/runner.mjs");
  // The suite's own fetch; undici's would refuse some of the fields that it sends.
  const fetch: Fetch = createRequire(fileOf("client/runner.mjs"))("node-fetch");
  // It would wait for ever for an answer that does not come to what it says of a test and asks about it.
  const bounded: Fetch = (url, init) =>
    fetch(url, { signal: AbortSignal.timeout(ANSWER_DEADLINE_MS), ...init });
  await runTests(await packageSections(), bounded, false, base);
  return getResults();
}

/** The program that measures one set-up. */
export const CLIENT = fileURLToPath(new URL("client.ts", import.meta.url));
