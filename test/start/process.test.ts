import { expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { createLogger } from "../../src/observe/log.ts";
import { warmUp } from "../../src/start/process.ts";

function aLog() {
  const lines: { msg?: string; failed?: unknown; err?: { message: string } }[] = [];
  const destination = { isTTY: false, write: (line: string) => lines.push(JSON.parse(line)) };
  return { log: createLogger({ level: "info", format: "json", env: {}, destination }), lines };
}

it("what could not be warmed is told, without its secrets", async () => {
  const { log, lines } = aLog();
  const failed = [{ url: "http://a/b?token=s3cret", detail: "503" }];
  await warmUp(async () => ({ requested: 2, warmed: 1, failed }), ["/a", "/b?token=s3cret"], log);
  expect(lines).toMatchObject([{ msg: "warmed", requested: 2, warmed: 1, failed: [{ detail: "503" }] }]);
  expect(JSON.stringify(lines)).not.toContain("s3cret");
});

it("a warming that fails as a whole is told, and rejects nothing that nobody waits for", async () => {
  const { log, lines } = aLog();
  const fails = () => Promise.reject(new StoreError("unavailable", "no worker serves"));
  await warmUp(fails, ["/a"], log);
  expect(lines).toMatchObject([{ msg: "a warming that went wrong", err: { message: "no worker serves" } }]);
});
