import { expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { runProgram } from "./program.ts";
import { startSite } from "./site.ts";

it("freshline warm ends at Ctrl-C, and says how far it has come", async () => {
  const asked: string[] = [];
  const origin = await startOrigin((request, response) => {
    asked.push(request.url ?? "");
    if (request.url === "/quick") response.writeHead(200, { "Cache-Control": "max-age=60" }).end("quick");
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const urls = ["/quick", ...Array.from({ length: 100 }, (_, i) => `/endless/${i}`)];
  const command = runProgram(["warm", ...urls, "--concurrency", "1"], {
    ADMIN_PORT: String(site.proxy.adminPort),
  });
  await site.until("an endless one is asked for", () => asked.some((url) => url.startsWith("/endless")));
  command.child.kill("SIGINT");
  expect(await command.exited).toBe(130);
  expect(command.out()).toMatch(/^warmed \d of 101\n$/);
  expect(command.err()).toBe("");
  expect(asked.length).toBeLessThan(urls.length);
});

it("freshline warm reads standard input, and draws nothing where it is piped", async () => {
  const site = await startSite();
  const { exited, out, err } = runProgram(
    ["warm", "-"],
    { ADMIN_PORT: String(site.proxy.adminPort) },
    { input: "# two of them\n/data?id=1&cache-control=max-age=60\n/data?id=2&cache-control=max-age=60\n" },
  );
  expect([await exited, out(), err()]).toEqual([0, "warmed 2 of 2\n", ""]);
  expect(await site.asked("GET /data?id=2&cache-control=max-age=60")).toBe(1);
});
