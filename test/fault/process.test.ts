import { expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { startProgram } from "../scenario/program.ts";
import { ask } from "../scenario/site.ts";
import { until } from "../until.ts";

/** Throws at SIGALRM what nobody catches. */
const defective = "process.on('SIGALRM', () => setImmediate(() => { throw new Error('a defect') }))";

const started = async (WORKERS: string) => {
  const origin = await startOrigin((_, response) => response.end("body"));
  return startProgram({ ORIGINS: origin.url, LOG_FORMAT: "json", WORKERS }, { preload: defective });
};

it("an exception that nobody catches is told and ends the process, for nobody knows what is left undone", async () => {
  const program = await started("1");
  program.child.kill("SIGALRM");
  expect(await program.exited).toBe(1);
  const told = program.lines().find(({ msg }) => msg === "uncaught exception");
  expect(JSON.stringify(told)).toContain("a defect");
});

it("an exception that nobody catches in a worker ends that worker alone, and another comes", async () => {
  const program = await started("2");
  const url = `http://127.0.0.1:${program.port}/a`;
  const pids = async () => {
    const stats = await ask(`http://127.0.0.1:${program.adminPort}/stats`);
    return stats.json<{ workers: { pids: number[] } }>().workers.pids;
  };
  const [first = 0, second = 0] = await pids();
  process.kill(first, "SIGALRM");
  await until("another has come", async () => {
    // The other one serves all the while; what was on its way to the first may be cut.
    const now = await pids();
    return now.length === 2 && !now.includes(first);
  });
  expect(await pids()).toContain(second);
  expect(program.out()).toContain("a defect");
  for (let i = 0; i < 4; i++) expect((await ask(url)).status).toBe(200);
});
