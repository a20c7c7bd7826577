import { expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { startProgram } from "../scenario/program.ts";
import { type RawClient, rawClient } from "../scenario/raw.ts";
import { ask } from "../scenario/site.ts";
import { until } from "../until.ts";

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
const isAnswered = ({ received }: RawClient): boolean => /\r\n\r\n./s.test(received());
const isCut = ({ socket }: RawClient): boolean => socket.destroyed;

/** A proxy that may have so many files and sockets open, and more clients than that. */
async function startCrowded(WORKERS: string, descriptors: number) {
  const origin = await startOrigin((_, response) =>
    response.setHeader("Cache-Control", "max-age=60").end("body"),
  );
  const settings = { ORIGINS: origin.url, WORKERS, LOG_FORMAT: "json", HEALTH_CHECK_INTERVAL: "100ms" };
  const program = await startProgram(settings, { descriptors });
  const isServed = () =>
    ask(`http://127.0.0.1:${program.port}/new`).then(
      ({ status }) => status === 200,
      () => false,
    );
  return {
    program,
    /** Two hundred connect and then ask; what each saw: a status, or `cut`. Nobody waits. */
    async crowd(): Promise<Set<string>> {
      const clients = await Promise.all(Array.from({ length: 200 }, () => rawClient(program.port)));
      await until("some are turned away", () => clients.some(isCut));
      for (const [i, client] of clients.entries()) client.write(get(`/${i}`));
      const waiting = () => clients.filter((client) => !isCut(client) && !isAnswered(client)).length;
      await until(
        () => `nobody waits; ${waiting()} do`,
        () => waiting() === 0,
      );
      const saw = clients.map((client) => (isAnswered(client) ? client.received().slice(9, 12) : "cut"));
      for (const { socket } of clients) socket.destroy();
      return new Set(saw);
    },
    async recovers(): Promise<void> {
      await until("there is room again", isServed);
      expect(program.child.exitCode).toBeNull();
      const told = program.lines().map(({ msg }) => String(msg));
      expect(told.filter((msg) => /uncaught|unhandled|unhealthy|died/.test(msg))).toEqual([]);
    },
  };
}

it("a process without a descriptor left turns clients away, blames no origin, serves whom it has, and recovers", async () => {
  const { program, crowd, recovers } = await startCrowded("1", 64);
  const kept = await rawClient(program.port);
  kept.write(get("/hot"));
  await kept.sees("body");
  const crowded = crowd();
  for (let hits = 1; hits < 10; hits++) {
    kept.write(get("/hot"));
    await until("it is served", () => kept.received().split("body").length > hits + 1);
  }
  const saw = await crowded;
  expect(saw).toContain("503");
  expect([...saw].filter((what) => !["200", "503", "cut"].includes(what))).toEqual([]);
  await recovers();
});

it("workers without a descriptor left leave no client waiting, and are handed connections again", async () => {
  const { crowd, recovers } = await startCrowded("2", 72);
  for (let round = 0; round < 3; round++) {
    const saw = await crowd();
    expect([...saw].filter((what) => !["200", "503", "cut"].includes(what))).toEqual([]);
    await recovers();
  }
});
