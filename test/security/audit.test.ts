import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type MockOrigins, startMockOrigins } from "../../mock-origin/start.ts";
import { VULNERABLE } from "../../mock-origin/vulnerable.ts";
import { type AuditFinding, audit, auditPage } from "../../src/cli/audit.ts";
import { readCommandLine } from "../../src/cli/command-line.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { start } from "../../src/start.ts";
import { configFor } from "../config-for.ts";
import { startOrigin } from "../scenario/own-origin.ts";

let mock: MockOrigins;
beforeAll(async () => {
  mock = await startMockOrigins({ ports: [0] });
});
afterAll(() => mock.close());

/** A proxy before this origin, and what the audit finds through it. */
async function proxyBefore(origin: string, settings: Partial<Record<SettingName, string>> = {}) {
  const config = configFor({
    ORIGINS: origin,
    HEALTH_CHECK_INTERVAL: "1h",
    SHUTDOWN_TIMEOUT: "1s",
    ...settings,
  });
  const proxy = await start(config);
  onTestFinished(() => proxy.stop());
  const url = (path: string) => `http://127.0.0.1:${proxy.port}${path}`;
  return {
    url,
    async findings(path: string): Promise<readonly AuditFinding[]> {
      const report = await auditPage(url(path));
      if (report.type === "stopped") throw new Error(report.detail);
      return report.findings;
    },
  };
}

const open = (findings: readonly AuditFinding[]) =>
  findings.filter(({ shared }) => shared).map(({ input }) => input.name);

describe("freshline audit", () => {
  it("finds each of the 20 holes where the defences are off", async () => {
    expect(VULNERABLE).toHaveLength(20);
    const { findings } = await proxyBefore(mock.urls[0] as string, { UNKEYED_FIELDS_PASS: "*" });
    for (const { path, field } of VULNERABLE) expect(open(await findings(path)), path).toContain(field);
  });

  it("finds none of them through the default settings", async () => {
    const { findings } = await proxyBefore(mock.urls[0] as string);
    for (const { path } of VULNERABLE) expect(open(await findings(path)), path).toEqual([]);
  });

  it("finds nothing at a page that depends on nothing, and says what only its sender gets", async () => {
    const { url, findings } = await proxyBefore(mock.urls[0] as string, { UNKEYED_FIELDS_PASS: "*" });
    expect(await findings("/bytes?n=100&cache-control=max-age%3D60")).toMatchObject([
      { input: { name: "Range" }, shared: false, differs: "the status is 206, not 200" },
      { input: { name: "If-None-Match: *" }, shared: false },
    ]);
    const lines: string[] = [];
    const terminal = {
      out: (line: string) => lines.push(line),
      err: (line: string) => lines.push(line),
      directory: ".",
    };
    expect(await audit([url("/bytes?n=100&cache-control=max-age%3D60")], terminal)).toBe(0);
    expect(lines.at(-1)).toBe("  none reaches the next visitor");
    expect(await audit([url("/vulnerable/host")], terminal)).toBe(1);
    expect(lines).toContainEqual("  OPEN  x-host: what was sent is repeated, for the next visitor, too");
    expect(lines.at(-1)).toBe("  1 open");
    expect(await audit([url("/vulnerable/host")], terminal, true)).toBe(1);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      url: url("/vulnerable/host"),
      findings: expect.arrayContaining([
        expect.objectContaining({
          name: "x-host",
          shared: true,
          advice: expect.stringContaining("leave x-host out of UNKEYED_FIELDS_PASS"),
        }),
      ]),
    });
  });

  it("tries nothing where a cache does not look at the query", async () => {
    let asked = 0;
    const origin = await startOrigin((_, response) => {
      asked++;
      response.setHeader("X-Cache", "HIT from elsewhere").end("page");
    });
    const report = await auditPage(`${origin.url}/`);
    expect(report).toMatchObject({
      type: "stopped",
      detail: expect.stringContaining("not in this cache's key"),
    });
    expect(asked).toBe(2);
  });

  it("says so where nobody answers", async () => {
    const lines: string[] = [];
    const terminal = { out: () => {}, err: (line: string) => lines.push(line), directory: "." };
    expect(await audit(["http://127.0.0.1:1/"], terminal)).toBe(1);
    expect(lines).toEqual([expect.stringContaining("ECONNREFUSED")]);
  });

  it("is asked for with the URLs to try", () => {
    const urls = ["http://localhost:3000/", "https://shop.example/a?b"];
    expect(readCommandLine(["audit", ...urls])).toEqual({ type: "audit", flags: {}, urls, json: false });
    for (const words of [[], ["/path"], ["ftp://shop.example/"], ["http://"], ["http://a.example/", "b"]])
      expect(readCommandLine(["audit", ...words]).type).toBe("mistake");
  });
});
