import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { anyFreePort } from "../../scripts/ports.ts";
import { type Contender, server } from "./contender.ts";

export const REPLY_FROM = "@fastify/reply-from";

const folder = fileURLToPath(new URL("../peers/", import.meta.url));

/** fastify and its proxying, which is undici's pool, as it comes. */
export const replyFrom = (): Contender => ({
  name: REPLY_FROM,
  missing: existsSync(`${folder}node_modules/${REPLY_FROM}`) ? undefined : "not installed (make bench-peers)",
  async start(stage) {
    const port = await anyFreePort();
    const origin = `http://127.0.0.1:${stage.originPort}`;
    const command = [process.execPath, `${folder}reply-from.js`, String(port), origin] as const;
    return server(stage, REPLY_FROM, port, command);
  },
});
