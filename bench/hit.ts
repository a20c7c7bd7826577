/**
 * What does a hit in memory cost? Starts the proxy as it is built (`make build` first), and beside it what
 * it has to be compared with, each pinned to one core; asks them in turns from another core with wrk, over
 * 64 kept connections with a browser's header fields; prints the CPU time per request, user and system,
 * from the system's own accounting: `node bench/hit.ts [bytes] [rounds] [seconds] [only …]`.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../test/free-port.ts";
import { openOrigin } from "../test/open-origin.ts";

const [bytes = 1024, rounds = 5, seconds = 2] = process.argv.slice(2, 5).map(Number);
const only = process.argv.slice(5);
const CONNECTIONS = 64;
const SERVER_CORE = "0";
const LOAD_CORE = "1";
const ROOT = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "freshline-bench-"));

const BROWSER = [
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Site: none",
  "Upgrade-Insecure-Requests: 1",
  "Cookie: consent=1; theme=dark; ab=treatment-b; visitor=8f14e45fceea167a5a36dedd4bea2543",
];
const ETAG = '"1024-abcdef"';
const body = Buffer.alloc(bytes, "x");
const FIELDS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "public, max-age=86400",
  ETag: ETAG,
  "Last-Modified": "Sat, 21 Nov 2026 09:00:00 GMT",
};

interface Contender {
  readonly name: string;
  /** Absent: the program is somebody else's process. */
  readonly start: (port: number, originUrl: string, adminPort: number) => ChildProcess | undefined;
  readonly fields?: readonly string[];
}

const pinned = (core: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess =>
  spawn("taskset", ["-c", core, ...words], {
    env: { PATH: process.env["PATH"], NODE_NO_WARNINGS: "1", ...env },
    stdio: ["ignore", "ignore", "inherit"],
    cwd: folder,
  });

const freshline = (settings: NodeJS.ProcessEnv) => (port: number, origin: string, adminPort: number) =>
  pinned(SERVER_CORE, [process.execPath, join(ROOT, "dist/src/cli.js")], {
    PORT: `${port}`,
    ADMIN_PORT: `${adminPort}`,
    ORIGINS: origin,
    HOST: "127.0.0.1",
    LOG_LEVEL: "warn",
    HEALTH_CHECK_INTERVAL: "1h",
    ...settings,
  });

/** The lines of a hit, so that the bare servers write as many bytes. */
const LINES = [
  ...Object.entries(FIELDS).flat(),
  ...["Date", new Date().toUTCString(), "Content-Length", `${bytes}`, "Age", "7", "Via", "1.1 freshline"],
  ...["X-Cache-Status", "HIT", "X-Cache", "HIT", "Cache-Status", "freshline; hit; ttl=86393"],
  ...["X-Request-Id", "01234567-89ab-cdef-0123-456789abcdef"],
];
const BARE = `
  const { createServer } = require("node:http");
  const body = Buffer.alloc(${bytes}, "x"), lines = ${JSON.stringify(LINES)};
  const answer = (outgoing) => { outgoing.writeHead(200, lines); outgoing.end(body); };`;

const script = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

const nodeHttp = (port: number) => {
  const text = `${BARE} createServer((_, outgoing) => answer(outgoing)).listen(${port}, "127.0.0.1");`;
  return pinned(SERVER_CORE, [process.execPath, script("http.cjs", text)]);
};

const hono = (port: number) => {
  const packages = join(ROOT, "node_modules");
  const text = `${BARE}
    const { Hono } = require("${packages}/hono"), { getRequestListener } = require("${packages}/@hono/node-server");
    const app = new Hono();
    app.all("*", async (context) => {
      answer(context.env.outgoing);
      return new Response(null, { headers: { "x-hono-already-sent": "true" } });
    });
    createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false })).listen(${port}, "127.0.0.1");`;
  return pinned(SERVER_CORE, [process.execPath, script("hono.cjs", text)]);
};

const socket = (port: number) => {
  const head = LINES.map((text, i) => text + (i % 2 === 0 ? ": " : "\r\n")).join("");
  const text = `
    const answer = Buffer.concat([Buffer.from(${JSON.stringify(`HTTP/1.1 200 OK\r\n${head}\r\n`)}), Buffer.alloc(${bytes}, "x")]);
    require("node:net").createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        for (let at = 0; (at = chunk.indexOf("\\r\\n\\r\\n", at)) !== -1; at += 4) socket.write(answer);
      });
    }).listen(${port}, "127.0.0.1");`;
  return pinned(SERVER_CORE, [process.execPath, script("socket.cjs", text)]);
};

const nginx = (port: number, origin: string) => {
  if (spawnSync("nginx", ["-v"]).error !== undefined) return undefined;
  const cache = mkdtempSync("/dev/shm/freshline-bench-");
  process.on("exit", () => rmSync(cache, { recursive: true, force: true }));
  const conf = `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null;
    events { worker_connections 1024; }
    http { access_log off; tcp_nopush off; sendfile on; keepalive_requests 100000000; open_file_cache max=1000;
      client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
      uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      proxy_cache_path ${cache} levels=1:2 keys_zone=c:10m use_temp_path=off;
      server { listen 127.0.0.1:${port};
        location / { proxy_pass ${origin}; proxy_cache c; add_header X-Cache-Status $upstream_cache_status; } } }`;
  return pinned(SERVER_CORE, ["nginx", "-c", script("nginx.conf", conf)]);
};

const CONTENDERS: readonly Contender[] = [
  { name: "freshline, lane on", start: freshline({}) },
  { name: "freshline, lane on, log", start: freshline({ LOG_LEVEL: "info" }) },
  { name: "freshline, lane on, 304", start: freshline({}), fields: [`If-None-Match: ${ETAG}`] },
  { name: "freshline, lane off", start: freshline({ PLAIN_LANE: "off" }) },
  { name: "nginx proxy_cache", start: nginx },
  { name: "bare socket", start: socket },
  { name: "bare node:http", start: nodeHttp },
  { name: "bare Hono", start: hono },
];

/** The process and all its threads, in milliseconds. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

function load(port: number, fields: readonly string[], forSeconds: number): number {
  const headers = [...BROWSER, ...fields].flatMap((line) => ["-H", line]);
  const words = ["-c", LOAD_CORE, "wrk", "-t1", `-c${CONNECTIONS}`, `-d${forSeconds}s`, ...headers];
  const out = execFileSync("taskset", [...words, `http://127.0.0.1:${port}/page`], { encoding: "utf8" });
  const wrong = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(out);
  if (wrong !== null) console.error(out);
  return Number(/(\d+) requests in/.exec(out)?.[1]);
}

/** Resolves when it answers, which it then does from its cache. */
async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/page`).catch(() => undefined);
    if (answer?.ok) return void (await answer.arrayBuffer());
    await pause(100);
  }
  throw new Error(`nothing answers on port ${port}`);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const origin = await openOrigin((_, response) => {
  response.writeHead(200, { ...FIELDS, "Content-Length": bytes });
  response.end(body);
});
const wanted = CONTENDERS.filter(({ name }) => only.length === 0 || only.includes(name));
const ports = await freePorts(2 * wanted.length);
const running = wanted.flatMap(({ name, start, fields = [] }, i) => {
  const port = ports[i] as number;
  const child = start(port, origin.url, ports[wanted.length + i] as number);
  if (child?.pid === undefined) {
    console.log(`${name}: not here`);
    return [];
  }
  return [{ name, port, fields, child, pid: child.pid, costs: [] as number[] }];
});
process.on("exit", () => {
  for (const { child } of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
console.log(
  `${cpus()[0]?.model}, Node ${process.version}, ${bytes} bytes, ${CONNECTIONS} connections, ${rounds} × ${seconds} s`,
);
for (const { port, fields } of running) {
  await answers(port);
  load(port, fields, 2);
}
for (let round = 0; round < rounds; round++) {
  for (const { port, fields, pid, costs } of running) {
    const before = cpuMs(pid);
    const requests = load(port, fields, seconds);
    costs.push(((cpuMs(pid) - before) * 1000) / requests);
  }
}
const base = median(running.find(({ name }) => name.startsWith("nginx"))?.costs ?? []);
for (const { name, costs } of running) {
  const ratio = Number.isNaN(base) ? "" : `${(median(costs) / base).toFixed(2)} × nginx`;
  const spread = `${Math.min(...costs).toFixed(1)}–${Math.max(...costs).toFixed(1)}`;
  console.log(`${name.padEnd(26)} ${median(costs).toFixed(1).padStart(6)} µs  (${spread})  ${ratio}`);
}
await origin.close();
process.exit(0);
