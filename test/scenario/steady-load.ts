import { Agent, request } from "node:http";
import { onTestFinished } from "vitest";

/** Asks again and again on kept and on new connections until stopped; tells of every answer that was lost. */
export function load(port: number, path = "/loaded") {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  const lost: string[] = [];
  let answers = 0;
  let going = true;
  const one = (kept: boolean) =>
    new Promise<void>((resolve) => {
      const fail = (error: Error) => {
        lost.push(`${kept ? "kept" : "new"}: ${error}`);
        resolve();
      };
      const how = { port, host: "127.0.0.1", path, agent: kept ? agent : false };
      const asking = request({ ...how, signal: AbortSignal.timeout(15_000) }, (response) => {
        response.on("error", fail).resume();
        response.on("end", () => {
          if (response.statusCode === 200) answers++;
          else lost.push(`answered ${response.statusCode}`);
          resolve();
        });
      });
      asking.on("error", fail).end();
    });
  const loops = Array.from({ length: 8 }, async (_, i) => {
    while (going) await one(i % 2 === 0);
  });
  return {
    lost,
    answers: () => answers,
    async stop() {
      going = false;
      await Promise.all(loops);
    },
  };
}
