import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import type { Reloaded } from "../admin/steering.ts";
import type { Log } from "../observe/log.ts";
import type { SteeringNews } from "./steering.ts";

const STANDARD_INPUT = 0;

/** Reloads at SIGHUP; where that says that the terminal is closed that the process was started in, it stops. */
export function reloadOnHangup(reload: () => Promise<Reloaded>, log: Log): void {
  const begunInTerminal = isatty(STANDARD_INPUT);
  process.on("SIGHUP", () => {
    if (begunInTerminal && !hasTerminal()) {
      process.kill(process.pid, "SIGTERM");
      return;
    }
    reload().catch((error: unknown) => log.logger.error({ err: error }, "a reload that went wrong"));
  });
}

/** Is there still one that controls this process? */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** Writes into the log what an operator has changed. */
export function tellSteering(news: SteeringNews, { logger }: Log): void {
  switch (news.type) {
    case "origin":
      logger.info({ origin: news.origin }, `origin ${news.what}`);
      return;
    case "reload":
      if (news.result === "refused") logger.error({ errors: news.errors }, "reload refused");
      else logger.info({ changes: news.changes, emptied: news.emptied }, "reloaded");
      return;
  }
}
