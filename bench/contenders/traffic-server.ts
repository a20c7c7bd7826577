import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { anyFreePort } from "../../scripts/ports.ts";
import { onPath } from "../cores.ts";
import { type Contender, server } from "./contender.ts";

export const TRAFFIC_SERVER = "Traffic Server";

const program = onPath("traffic_server");

/** Apache Traffic Server with one thread, its cache in its own memory above a file that is in memory, too. */
export const trafficServer = (): Contender => ({
  name: TRAFFIC_SERVER,
  missing: program === undefined ? "not installed (make bench-peers)" : undefined,
  async start(stage) {
    const port = await anyFreePort();
    const root = join(stage.directory, "traffic-server");
    const files = {
      [join(root, "etc/records.config")]: records(port),
      [join(root, "etc/remap.config")]: `map / http://127.0.0.1:${stage.originPort}/\n`,
      [join(root, "etc/storage.config")]: `${join(stage.memoryDirectory, "traffic-server")} 512M\n`,
      [join(root, "etc/ip_allow.yaml")]:
        "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n",
      [join(root, "runroot.yaml")]: layout(root),
    };
    for (const folder of ["etc", "log", "run", "cache", "share"])
      mkdirSync(join(root, folder), { recursive: true });
    mkdirSync(join(stage.memoryDirectory, "traffic-server"), { recursive: true });
    // It may become another user.
    for (const folder of [stage.directory, stage.memoryDirectory]) chmodSync(folder, 0o755);
    for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
    const command = [program ?? "traffic_server", `--run-root=${join(root, "runroot.yaml")}`] as const;
    return server(stage, TRAFFIC_SERVER, port, command, { files });
  },
});

const records = (port: number): string =>
  Object.entries({
    "STRING proxy.config.http.server_ports": `${port}:ip-in=127.0.0.1`,
    "STRING proxy.config.admin.user_id": "#-1",
    "INT proxy.config.exec_thread.autoconfig": 0,
    "INT proxy.config.exec_thread.limit": 1,
    "INT proxy.config.accept_threads": 0,
    "INT proxy.config.log.logging_enabled": 0,
    "INT proxy.config.diags.show_location": 0,
    "INT proxy.config.reverse_proxy.enabled": 1,
    "INT proxy.config.url_remap.pristine_host_hdr": 1,
    "INT proxy.config.http.cache.http": 1,
    "INT proxy.config.http.cache.cache_responses_to_cookies": 1,
    "INT proxy.config.cache.ram_cache.size": 512 * 1024 * 1024,
    "INT proxy.config.cache.enable_read_while_writer": 1,
    "INT proxy.config.http.cache.max_open_read_retries": 500,
    "INT proxy.config.http.cache.open_read_retry_time": 10,
    "INT proxy.config.http.keep_alive_no_activity_timeout_in": 600,
    "INT proxy.config.net.max_connections_in": 8192,
  })
    .map(([name, value]) => `CONFIG ${name.split(" ")[1]} ${name.split(" ")[0]} ${value}\n`)
    .join("");

const layout = (root: string): string => {
  const modules = ["/usr/lib/trafficserver/modules", "/usr/libexec/trafficserver"].find(existsSync);
  const folders: Record<string, string> = {
    prefix: root,
    exec_prefix: root,
    bindir: "/usr/bin",
    sbindir: "/usr/sbin",
    sysconfdir: join(root, "etc"),
    datadir: join(root, "share"),
    includedir: join(root, "share"),
    libdir: "/usr/lib/trafficserver",
    libexecdir: modules ?? root,
    localstatedir: join(root, "run"),
    runtimedir: join(root, "run"),
    logdir: join(root, "log"),
    cachedir: join(root, "cache"),
  };
  return Object.entries(folders)
    .map(([name, folder]) => `${name}: ${folder}\n`)
    .join("");
};
