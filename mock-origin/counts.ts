export interface CountsReport {
  readonly total: number;
  /** `GET /data?id=1` → how often. */
  readonly by_url: Readonly<Record<string, number>>;
  /** Requests with If-None-Match or If-Modified-Since. */
  readonly conditional: number;
  /** Answers with status 304. */
  readonly not_modified: number;
  readonly health_checks: number;
}

/** How many URLs are counted apart; what comes after them is counted together. */
export const MAX_URLS = 1000;
export const OTHER_URLS = "(other)";

/** What one port was asked. */
export class Counts {
  readonly #byUrl = new Map<string, number>();
  #total = 0;
  #conditional = 0;
  #notModified = 0;
  #healthChecks = 0;

  /** One request that is no health check and no control of the mock itself. */
  request(method: string, target: string, conditional: boolean): void {
    const url = `${method} ${target}`;
    const key = this.#byUrl.has(url) || this.#byUrl.size < MAX_URLS ? url : OTHER_URLS;
    this.#byUrl.set(key, (this.#byUrl.get(key) ?? 0) + 1);
    this.#total++;
    if (conditional) this.#conditional++;
  }

  notModified(): void {
    this.#notModified++;
  }

  healthCheck(): void {
    this.#healthChecks++;
  }

  reset(): void {
    this.#byUrl.clear();
    this.#total = this.#conditional = this.#notModified = this.#healthChecks = 0;
  }

  report(): CountsReport {
    return {
      total: this.#total,
      by_url: Object.fromEntries(this.#byUrl),
      conditional: this.#conditional,
      not_modified: this.#notModified,
      health_checks: this.#healthChecks,
    };
  }
}

export function sumOf(reports: readonly CountsReport[]): CountsReport {
  const byUrl = new Map<string, number>();
  for (const report of reports) {
    for (const [url, n] of Object.entries(report.by_url)) byUrl.set(url, (byUrl.get(url) ?? 0) + n);
  }
  const sum = (count: (report: CountsReport) => number) =>
    reports.reduce((n, report) => n + count(report), 0);
  return {
    total: sum((report) => report.total),
    by_url: Object.fromEntries(byUrl),
    conditional: sum((report) => report.conditional),
    not_modified: sum((report) => report.not_modified),
    health_checks: sum((report) => report.health_checks),
  };
}
