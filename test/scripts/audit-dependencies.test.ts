import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openOrigin } from "../open-origin.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/audit-dependencies.ts", import.meta.url));
const ADVISORY = { id: 1, url: "https://a.example/1", title: "A hole", severity: "high" };

/** A project that depends on one package, whose holes a registry of our own knows. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "freshline-audit-"));
  const dependencies = { leaky: "1.0.0" };
  const root = { name: "project", version: "1.0.0", dependencies };
  const packages = { "": root, "node_modules/leaky": { version: "1.0.0" } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(root));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ ...root, lockfileVersion: 3, packages }));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function audited(answer: (response: ServerResponse) => unknown) {
  const registry = await openOrigin((request, response) => {
    request.resume();
    if (request.method === "POST") answer(response);
    else
      response.end(
        JSON.stringify({ name: "leaky", versions: { "1.0.0": { name: "leaky", version: "1.0.0" } } }),
      );
  });
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    NODE_NO_WARNINGS: "1",
    npm_config_registry: registry.url,
    npm_config_update_notifier: "false",
  };
  const told = await new Promise<{ code: number; said: string }>((resolve) => {
    execFile(process.execPath, [SCRIPT], { cwd: folder, env, encoding: "utf8" }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
  await registry.close();
  return told;
}

describe("the audit of dependencies", () => {
  it("fails where one of them has a known hole, and names it", async () => {
    const known = { leaky: [{ ...ADVISORY, vulnerable_versions: "<2.0.0" }] };
    const { code, said } = await audited((response) => response.end(JSON.stringify(known)));
    expect({ code, said }).toEqual({ code: 1, said: "leaky has a known hole (high): see npm audit\n" });
  });

  it("is well where what is known concerns other versions", async () => {
    const known = { leaky: [{ ...ADVISORY, vulnerable_versions: "<1.0.0" }] };
    const { code, said } = await audited((response) => response.end(JSON.stringify(known)));
    expect({ code, said }).toEqual({ code: 0, said: "Dependencies have no known holes.\n" });
  });

  it("says so and does not fail where the registry knows of no audits", async () => {
    const { code, said } = await audited((response) => response.writeHead(405).end());
    expect(code).toBe(0);
    expect(said).toMatch(/^Dependencies were not audited: 405 /);
  });
});
