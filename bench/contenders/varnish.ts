import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { anyFreePort } from "../../scripts/ports.ts";
import { onPath } from "../cores.ts";
import { type Contender, server } from "./contender.ts";

export const VARNISH = "Varnish";

const program = onPath("varnishd");

/** Varnish with its cache in its own memory; cookies of a request do not count, as with the others. */
export const varnish = (): Contender => ({
  name: VARNISH,
  missing: program === undefined ? "not installed (make bench-peers)" : undefined,
  async start(stage) {
    const port = await anyFreePort();
    const text = `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "${stage.originPort}"; }
sub vcl_recv { if (req.method == "GET" || req.method == "HEAD") { return (hash); } }
`;
    const file = join(stage.directory, "varnish.vcl");
    writeFileSync(file, text);
    const parameters = { thread_pools: 1, thread_pool_min: 100, thread_pool_max: 2000, timeout_idle: 600 };
    return server(
      stage,
      VARNISH,
      port,
      [
        program ?? "varnishd",
        "-F",
        ...["-j", "none", "-n", join(stage.directory, "varnish"), "-T", "none"],
        ...["-a", `127.0.0.1:${port}`, "-f", file, "-s", "malloc,512m"],
        ...Object.entries(parameters).flatMap(([name, value]) => ["-p", `${name}=${value}`]),
      ],
      { files: { [file]: text } },
    );
  },
});
