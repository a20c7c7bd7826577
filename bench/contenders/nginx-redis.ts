import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { onPath } from "../cores.ts";
import type { Contender } from "./contender.ts";
import { startNginx } from "./nginx.ts";

const SECONDS = 86_400;

const MODULES = { lua: ["ndk_http", "ngx_http_lua"], srcache: ["ngx_http_srcache_filter"] } as const;

/** nginx that keeps whole responses in this Redis, through srcache, whose look-up is a subrequest in Lua. */
export const nginxWithSrcache = (redisPort: number): Contender => ({
  name: "nginx with srcache",
  missing: lacking([...MODULES.lua, ...MODULES.srcache]),
  start: (stage) =>
    startNginx(stage, "nginx with srcache", {
      ports: { REDIS: redisPort },
      top: loading([...MODULES.lua, ...MODULES.srcache]),
      http: `variables_hash_max_size 2048;
  init_by_lua_block {${redisInLua(redisPort)}}`,
      server: `
    location / {
      set $entry $scheme$host$request_uri;
      srcache_fetch GET /redis $entry;
      srcache_store PUT /redis $entry;
      srcache_store_hide_header Date;
      proxy_set_header Accept-Encoding "";
      proxy_pass http://origin;
    }
    location = /redis {
      internal;
      content_by_lua_block {
        local redis = connect()
        if not redis then return ngx.exit(502) end
        if ngx.req.get_method() == "GET" then
          local bytes = get(redis, "srcache:" .. ngx.var.args)
          redis:setkeepalive(600000, 64)
          if not bytes then return ngx.exit(404) end
          ngx.header.content_length = #bytes
          ngx.print(bytes)
        else
          ngx.req.read_body()
          set(redis, "srcache:" .. ngx.var.args, ngx.req.get_body_data())
          redis:setkeepalive(600000, 64)
          ngx.exit(204)
        end
      }
    }`,
    }),
});

/** nginx that does the same by a hand-written program in Lua, without a subrequest on a hit. */
export const nginxWithLua = (redisPort: number): Contender => ({
  name: "nginx with Lua",
  missing: lacking(MODULES.lua),
  start: (stage) =>
    startNginx(stage, "nginx with Lua", {
      ports: { REDIS: redisPort },
      top: loading(MODULES.lua),
      http: `init_by_lua_block {${redisInLua(redisPort)}}`,
      server: `
    location / {
      content_by_lua_block {
        local name = "lua:" .. ngx.var.scheme .. ngx.var.host .. ngx.var.request_uri
        local redis = connect()
        if not redis then return ngx.exit(502) end
        local bytes = get(redis, name)
        if not bytes then
          local answer = ngx.location.capture("/origin" .. ngx.var.request_uri)
          local lines = {}
          for _, field in ipairs({"Content-Type", "Cache-Control", "ETag", "Last-Modified"}) do
            lines[#lines + 1] = field .. ": " .. (answer.header[field] or "")
          end
          bytes = table.concat(lines, "\\n") .. "\\n\\n" .. answer.body
          set(redis, name, bytes)
        end
        redis:setkeepalive(600000, 64)
        local _, stop = string.find(bytes, "\\n\\n", 1, true)
        for field, value in string.gmatch(string.sub(bytes, 1, stop - 1), "([^:\\n]+): ([^\\n]*)") do
          ngx.header[field] = value
        end
        ngx.header.content_length = #bytes - stop
        ngx.print(string.sub(bytes, stop + 1))
      }
    }
    location /origin/ {
      internal;
      proxy_pass http://origin/;
    }`,
    }),
});

/** What of RESP a look-up and a write need; connections are nginx's own pool. */
const redisInLua = (port: number): string => `
    function connect()
      local socket = ngx.socket.tcp()
      socket:settimeout(1000)
      if socket:connect("127.0.0.1", ${port}) then return socket end
    end
    function get(socket, name)
      socket:send({"*2\\r\\n$3\\r\\nGET\\r\\n$", #name, "\\r\\n", name, "\\r\\n"})
      local line = socket:receive()
      local length = tonumber(string.sub(line or "", 2))
      if not length or length < 0 then return nil end
      local bytes = socket:receive(length)
      socket:receive(2)
      return bytes
    end
    function set(socket, name, bytes)
      socket:send({"*5\\r\\n$3\\r\\nSET\\r\\n$", #name, "\\r\\n", name, "\\r\\n$", #bytes, "\\r\\n", bytes,
        "\\r\\n$2\\r\\nEX\\r\\n$5\\r\\n${SECONDS}\\r\\n"})
      socket:receive()
    end
  `;

/** Where this nginx has its modules: what it was built with says so. */
function modulesFolder(): string | undefined {
  const nginx = onPath("nginx");
  if (nginx === undefined) return undefined;
  const built = execFileSync("/bin/sh", ["-c", '"$1" -V 2>&1', "sh", nginx], { encoding: "utf8" });
  return /--modules-path=(\S+)/.exec(built)?.[1];
}

const fileOf = (name: string): string => join(modulesFolder() ?? "", `${name}_module.so`);

function lacking(names: readonly string[]): string | undefined {
  if (modulesFolder() === undefined) return "not installed (make bench-peers)";
  const absent = names.filter((name) => !existsSync(fileOf(name)));
  return absent.length === 0 ? undefined : `nginx has no ${absent.join(", ")} here (make bench-peers)`;
}

const loading = (names: readonly string[]): string =>
  names.map((name) => `load_module ${fileOf(name)};`).join("\n");
