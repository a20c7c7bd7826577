import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { anyFreePort } from "../../scripts/ports.ts";
import { onPath } from "../cores.ts";
import type { Stage } from "../stage.ts";
import { type Contender, type Server, server } from "./contender.ts";

export const NGINX = "nginx";

/** Costs less for short bodies, and more for long ones. */
export const NGINX_WITHOUT_SENDFILE = "nginx, sendfile off";

interface Variety {
  /** Lines above `events`. */
  readonly top?: string;
  /** Lines of `http`. */
  readonly http?: string;
  /** Lines of `server`. */
  readonly server: string;
  readonly sendfile?: "on" | "off";
  /** By name, those that are in these lines. */
  readonly ports?: Readonly<Record<string, number>>;
}

const program = onPath("nginx");
const missing = program === undefined ? "not installed (make bench-peers)" : undefined;

/** nginx with its cache on a file system in memory. */
export const nginxCache = (sendfile: "on" | "off" = "on"): Contender => {
  const name = sendfile === "on" ? NGINX : NGINX_WITHOUT_SENDFILE;
  return { name, missing, start: (stage) => startNginxCache(stage, name, sendfile) };
};

const startNginxCache = (stage: Stage, name: string, sendfile: "on" | "off"): Promise<Server> =>
  startNginx(stage, name, {
    sendfile,
    http: `proxy_cache_path ${join(stage.memoryDirectory, `nginx-${sendfile}`)} levels=1:2 keys_zone=cache:64m max_size=2g inactive=1d use_temp_path=off;`,
    server: `
    location / {
      proxy_pass http://origin;
      proxy_cache cache;
      proxy_cache_key $scheme$host$request_uri;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 60s;
      proxy_cache_lock_age 60s;
      proxy_ignore_client_abort on;
      add_header X-Cache $upstream_cache_status;
    }`,
  });

/** nginx that only passes on. */
export const nginxPass = (): Contender => ({
  name: "nginx proxy_pass",
  missing,
  start: (stage) =>
    startNginx(stage, "nginx proxy_pass", { server: "location / { proxy_pass http://origin; }" }),
});

/** Starts an nginx of one worker with this in it. */
export async function startNginx(stage: Stage, name: string, variety: Variety): Promise<Server> {
  const port = await anyFreePort();
  const directory = join(stage.directory, `nginx-${port}`);
  const text = `daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
${process.getuid?.() === 0 ? "user root;\n" : ""}pid ${directory}.pid;
error_log stderr crit;
${variety.top ?? ""}
events { worker_connections 8192; }
http {
  access_log off;
  sendfile ${variety.sendfile ?? "on"};
  tcp_nopush off;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  open_file_cache max=100000 inactive=600s;
  open_file_cache_valid 600s;
  client_body_temp_path ${directory}-body;
  proxy_temp_path ${directory}-proxy;
  fastcgi_temp_path ${directory}-fastcgi;
  uwsgi_temp_path ${directory}-uwsgi;
  scgi_temp_path ${directory}-scgi;
  ${variety.http ?? ""}
  upstream origin {
    server 127.0.0.1:${stage.originPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    ${variety.server.trim()}
  }
}
`;
  const file = `${directory}.conf`;
  writeFileSync(file, text);
  return server(stage, name, port, [program ?? "nginx", "-c", file, "-p", stage.directory], {
    files: { [file]: text },
    ...(variety.ports === undefined ? {} : { ports: variety.ports }),
  });
}
