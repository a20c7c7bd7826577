import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { anyFreePort } from "../../scripts/ports.ts";
import { onPath } from "../cores.ts";
import { type Contender, server } from "./contender.ts";

export const HAPROXY = "HAProxy";

const program = onPath("haproxy");

/** HAProxy with its small-object cache, in its own memory. */
export const haproxy = (): Contender => ({
  name: HAPROXY,
  missing: program === undefined ? "not installed (make bench-peers)" : undefined,
  async start(stage) {
    const port = await anyFreePort();
    const text = `global
  nbthread 1
  maxconn 8192
cache small
  total-max-size 512
  max-object-size 1048576
  max-age 86400
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  http-request cache-use small
  http-response cache-store small
  default_backend origin
backend origin
  http-reuse always
  server origin 127.0.0.1:${stage.originPort}
`;
    const file = join(stage.directory, "haproxy.cfg");
    writeFileSync(file, text);
    return server(stage, HAPROXY, port, [program ?? "haproxy", "-db", "-f", file], {
      files: { [file]: text },
    });
  },
});
