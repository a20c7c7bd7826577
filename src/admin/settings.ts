import type { Hono } from "hono";
import type { ShownSetting } from "./answers.ts";
import type { AdminEnv } from "./env.ts";
import { jsonAnswer } from "./errors.ts";

/** GET /settings. */
export function addSettings(app: Hono<AdminEnv>, settings: () => readonly ShownSetting[]): void {
  app.get("/settings", (c) => jsonAnswer(c, settings()));
}
