import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { startProgram } from "../scenario/program.ts";
import { rawClient } from "../scenario/raw.ts";
import { ask } from "../scenario/site.ts";
import { until } from "../until.ts";

/** Says at SIGUSR2 the most that everything between two looks of 4 ms has cost, which is how long others wait, in milliseconds of CPU. */
const TELLS = `
  let before = process.threadCpuUsage();
  let most = 0;
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    most = Math.max(most, (user + system) / 1000);
  }, 4);
  process.on('SIGUSR2', () => {
    console.log(JSON.stringify({ most }));
    most = 0;
  });
`;

it.each([
  ["of a head", (i: number) => `GET /${i} HTTP/1.1\r\nHost: a.example\r\nX: `],
  ["of a body", () => "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n"],
])(
  "200 connections that send a byte %s now and then are cut, and others wait for none of it",
  async (_, begin) => {
    const origin = await startOrigin((request, response) => {
      request.on("error", () => {}).resume();
      request.once("end", () => response.end("body"));
    });
    const settings = { ORIGINS: origin.url, HEADERS_TIMEOUT: "2s", BODY_TIMEOUT: "2s", LOG_FORMAT: "json" };
    const program = await startProgram(
      { ...settings, LOG_LEVEL: "warn" },
      { preload: encodeURIComponent(TELLS) },
    );
    const other = () => ask(`http://127.0.0.1:${program.port}/other`);
    const told = () => program.lines().flatMap(({ most }) => (typeof most === "number" ? [most] : []));
    async function most(): Promise<number> {
      const before = told().length;
      program.child.kill("SIGUSR2");
      await until("it is told", () => told().length > before);
      return told()[before] as number;
    }
    // What is done for the first time takes longer.
    for (let i = 0; i < 50; i++) await other();
    await most();

    const slow = await Promise.all(Array.from({ length: 200 }, () => rawClient(program.port)));
    for (const [i, client] of slow.entries()) client.write(begin(i));
    const drip = setInterval(() => {
      for (const { socket } of slow) if (!socket.destroyed) socket.write("x");
    }, 100);
    while (slow.some(({ socket }) => !socket.destroyed)) {
      expect((await other()).status).toBe(200);
      await pause(20);
    }
    clearInterval(drip);
    for (const client of slow) expect(client.received()).toMatch(/^HTTP\/1\.1 408 /);
    // 7 and 34 on a machine that does little else, 72 on a busy one.
    expect(await most()).toBeLessThan(200);
  },
);
