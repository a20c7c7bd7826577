import type { Row } from "./exchanges.ts";
import { ROWS } from "./rows.ts";
import type { Kind, RawResults, Section, SuiteTest } from "./suite.ts";

// What the survey's current suite asks of a proxy, told as what it changed since the package. It is not on the
// registry: what it changed or added is played by rows of our own, written from the RFCs and named by its ids.

/** The commit of http-tests/cache-tests that is meant, and how many tests it has for proxies. */
export const SURVEY = { commit: "d644cf4", date: "October 2026", required: 160, optimal: 105, check: 100 };

const CDN_SECTION: Omit<Section, "tests"> = { id: "cdn-cache-control", name: "CDN-Cache-Control" };
const INTERIM_SECTION: Omit<Section, "tests"> = { id: "interim", name: "Interim Response Handling" };

/** Tests of the package that are in the suite no more. */
const GONE: ReadonlySet<string> = new Set([
  "freshness-max-age-ignore-quoted-all",
  "freshness-max-age-ignore-quoted-all-rev",
  "freshness-max-age-multiple-line",
  "freshness-max-age-multiple-directive",
]);

/** Required in the package; no answer to them is wrong by now. */
const CHECKS_BY_NOW: ReadonlySet<string> = new Set([
  "age-parse-parameter",
  "age-parse-numeric-parameter",
  ...["POST", "PUT", "DELETE", "M-SEARCH"].flatMap((method) =>
    starting(`invalidate-${method}-`, "location", "cl"),
  ),
  ...starting("304-etag-update-response-Content-", "Encoding", "Location", "MD5", "Range", "Type"),
  ...starting("304-etag-update-response-", "Content-Security-Policy", "Clear-Site-Data", "ETag", "Expires"),
  ...starting("304-etag-update-response-", "Public-Key-Pins", "Set-Cookie", "Set-Cookie2"),
  ...starting("304-etag-update-response-X-", "Frame-Options", "XSS-Protection"),
]);

/** The same requests as in the package, where they were a check. */
const REQUIRED_BY_NOW: ReadonlySet<string> = new Set(["partial-use-stored-headers"]);

const RENAMED: ReadonlyMap<string, string> = new Map([
  ["freshness-max-age-case-insenstive", "freshness-max-age-case-insensitive"],
]);

interface Group {
  readonly section: string;
  readonly kind: Kind;
  readonly dependsOn: readonly string[];
  readonly ids: readonly string[];
}

const group = (section: string, kind: Kind, dependsOn: readonly string[], ...ids: string[]): Group => ({
  section,
  kind,
  dependsOn,
  ids,
});

/** New since the package, or with another set-up or expectation than there: each of them is a row of ours. */
const ROW_GROUPS: readonly Group[] = [
  group("cc-freshness", "required", ["freshness-max-age"], "freshness-max-age-stale"),
  group(
    "age-parse",
    "required",
    ["freshness-max-age-age"],
    ...starting("age-parse-", "nonnumeric", "negative", "float", "large-minus-one", "large", "larger"),
    ...starting("age-parse-", "prefix-twoline", "dup-0", "dup-0-twoline", "dup-old"),
  ),
  group(
    "expires-parse",
    "optimal",
    ["freshness-expires-future"],
    ...starting("freshness-expires-", "32bit", "far-future", "rfc850", "ansi-c"),
    ...starting("freshness-expires-wrong-case-", "weekday", "month", "tz"),
  ),
  group(
    "expires-parse",
    "required",
    ["freshness-expires-future"],
    ...starting("freshness-expires-invalid-", "utc", "aest", "2-digit-year", "no-comma", "multiple-spaces"),
    ...starting(
      "freshness-expires-invalid-",
      "date-dashes",
      "time-periods",
      "1-digit-hour",
      "multiple-lines",
    ),
  ),
  group(
    "cc-response",
    "required",
    ["cc-resp-no-store"],
    ...starting("cc-resp-no-store-old-", "new", "max-age"),
  ),
  group("stale", "optimal", ["freshness-max-age-stale"], "stale-while-revalidate"),
  group("stale", "required", ["stale-while-revalidate"], "stale-while-revalidate-window"),
  group(
    "stale",
    "required",
    ["stale-close"],
    ...starting("stale-close-", "must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=2"),
  ),
  group("status", "required", ["status-599-fresh"], "status-599-must-understand"),
  group("status", "optimal", ["status-200-fresh", "cc-resp-no-store-fresh"], "status-200-must-understand"),
  group("vary", "required", ["vary-2-match"], "vary-2-match-omit"),
  group("vary", "required", ["vary-3-match"], "vary-3-order"),
  group("other", "required", ["freshness-expires-future"], "other-date-update-expires"),
  group(CDN_SECTION.id, "optimal", ["freshness-none"], ...starting("cdn-max-age", "", "-max", "-max-plus")),
  group(
    CDN_SECTION.id,
    "optimal",
    ["cdn-max-age"],
    ...starting("cdn-max-age-", "extension", "expires", "cc-max-age-invalid-expires", "short-cc-max-age"),
  ),
  group(
    CDN_SECTION.id,
    "required",
    ["cdn-max-age"],
    ...starting("cdn-max-age-", "age", "0", "0-expires", "long-cc-max-age"),
    ...starting("cdn-cc-invalid-sh-type-", "unknown", "wrong"),
  ),
  group(CDN_SECTION.id, "required", [], "cdn-private", "cdn-no-cache"),
  group(CDN_SECTION.id, "required", ["freshness-none"], "cdn-no-store-cc-fresh", "cdn-fresh-cc-nostore"),
  group(INTERIM_SECTION.id, "optimal", [], ...starting("interim-", "102", "103", "no-header-reuse")),
  group(INTERIM_SECTION.id, "required", [], "interim-not-cached"),
];

const BY_ROWS: ReadonlySet<string> = new Set(ROW_GROUPS.flatMap(({ ids }) => ids));

/** Does a row of ours stand for this test of the survey? */
export const isByRow = (id: string): boolean => BY_ROWS.has(id);

/** The rows that stand for a test of the survey, by its id. */
export const SURVEY_ROWS: ReadonlyMap<string, Row> = new Map(
  Object.values(ROWS)
    .flat()
    .flatMap((row) => (row.survey === undefined ? [] : [[row.survey, row] as const])),
);

/**
 * The current suite, without those of its checks that the package does not have. A test that the package
 * has too depends on what it depends on there.
 */
export function surveySections(sections: readonly Section[]): Section[] {
  const of = (section: string): SuiteTest[] =>
    ROW_GROUPS.filter((group) => group.section === section).flatMap(({ kind, dependsOn, ids }) =>
      ids.map((id) => ({ id, kind, dependsOn })),
    );
  return [...sections, { ...CDN_SECTION, tests: [] }, { ...INTERIM_SECTION, tests: [] }].map((section) => ({
    ...section,
    tests: [...section.tests.filter(({ id }) => !GONE.has(id) && !isByRow(id)).map(asNow), ...of(section.id)],
  }));
}

const asNow = ({ id, kind, dependsOn }: SuiteTest): SuiteTest => ({
  id: RENAMED.get(id) ?? id,
  kind: REQUIRED_BY_NOW.has(id) ? "required" : CHECKS_BY_NOW.has(id) ? "check" : kind,
  dependsOn,
});

/** The package's results under the names of now, and those of the rows in place of its own. */
export function surveyResults(ofPackage: RawResults, ofRows: RawResults): RawResults {
  const renamed = Object.entries(ofPackage).map(([id, result]) => [RENAMED.get(id) ?? id, result]);
  return { ...Object.fromEntries(renamed), ...ofRows };
}

/** Function declaration, since the tables above are made with it. */
function starting(start: string, ...ends: readonly string[]): string[] {
  return ends.map((end) => `${start}${end}`);
}
