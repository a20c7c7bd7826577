import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { anyFreePort } from "../../scripts/ports.ts";
import { ask, connected } from "../ask.ts";
import { FRESHLINE, freshline, freshlineCommand, freshlineEnv } from "../contenders/freshline.ts";
import { pinned } from "../cores.ts";
import { bytesOf, requestFor } from "../request.ts";
import { finding, limitBar, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";

const PATIENCE_MS = 20_000;

export const startRow: Row = {
  name: "start",
  question: "How long after its start does Freshline answer for the first time?",
  async run(stage) {
    const { missing } = freshline();
    if (missing !== undefined) throw new Error(missing);
    const ms: number[] = [];
    for (let round = 0; round <= stage.extent.rounds; round += 1) {
      const took = await firstAnswer(stage);
      if (round > 0) ms.push(took);
    }
    const found = finding(FRESHLINE, ms);
    return {
      unit: "ms from start to first answer",
      findings: [found],
      bars: [limitBar(FRESHLINE, found.value, 400, "ms")],
      setUps: [freshlineCommand.join(" ")],
      notes: ["a miss, by way of the origin; the first start is thrown away"],
    };
  },
};

async function firstAnswer(stage: Stage): Promise<number> {
  const port = await anyFreePort();
  const env = freshlineEnv(stage, port, await anyFreePort(), {});
  const [program, ...words] = pinned(stage.cores.server, ...split(freshlineCommand));
  const startedAt = performance.now();
  const child = spawn(program, words, {
    cwd: stage.directory,
    env: { PATH: process.env["PATH"], NODE_NO_WARNINGS: "1", ...env },
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  try {
    while (performance.now() - startedAt < PATIENCE_MS) {
      const socket = await connected(port);
      socket?.destroy();
      const answer =
        socket && (await ask(port, bytesOf(requestFor("/body/1024/start"))).catch(() => undefined));
      if (answer?.status === 200) return performance.now() - startedAt;
      await pause(1);
    }
    throw new Error(`no answer in ${PATIENCE_MS} ms`);
  } finally {
    child.kill();
    await ended;
  }
}

const split = ([command, ...args]: readonly [string, ...string[]]): [string, string[]] => [command, args];
