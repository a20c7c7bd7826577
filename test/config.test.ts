import { describe, expect, expectTypeOf, it } from "vitest";
import { settingsTable, withTable } from "../scripts/settings-table.ts";
import { isLoopback } from "../src/config/addresses.ts";
import { flagsOf, GROUPS, SETTING_NAMES, SETTINGS, type SettingName } from "../src/config/settings.ts";
import { type Config, loadConfig, type Written } from "../src/config.ts";

const ORIGINS = "http://localhost:4001";

/** The config that an environment makes, with one origin unless it names others. */
function configOf(env: Record<string, string>, written: Omit<Written, "env"> = {}): Config {
  const loaded = loadConfig({ ...written, env: { ORIGINS, ...env } });
  if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
  return loaded.config;
}

function errorsOf(env: Record<string, string>, written: Omit<Written, "env"> = {}): readonly string[] {
  const loaded = loadConfig({ ...written, env: { ORIGINS, ...env } });
  return loaded.ok ? [] : loaded.errors;
}

describe("defaults", () => {
  it("are the documented ones, windows in seconds, timers in milliseconds, sizes in bytes", () => {
    expect(configOf({})).toEqual({
      PORT: 3000,
      HOST: undefined,
      WORKERS: 1,
      WORKER_TIMEOUT: 30_000,
      MAX_CONNECTIONS: 10000,
      MAX_HEADER_BYTES: 16 * 1024,
      MAX_HEADER_COUNT: 500,
      MAX_URL_BYTES: 8192,
      MAX_BODY_BYTES: 17_179_869_184,
      BODY_TIMEOUT: 10_000,
      HEADERS_TIMEOUT: 10_000,
      REQUEST_TIMEOUT: 300_000,
      KEEP_ALIVE_TIMEOUT: 65_000,
      WRITE_TIMEOUT: 60_000,
      TUNNEL_IDLE_TIMEOUT: 3_600_000,
      SHUTDOWN_TIMEOUT: 10_000,
      PLAIN_LANE: "on",
      TRUSTED_PROXIES: [],
      PURGE_ALLOW: [],
      DEBUG_ALLOW: [],
      TLS_PORT: 3443,
      TLS_CERT: [],
      TLS_KEY: [],
      TLS_MIN_VERSION: "TLSv1.2",
      TLS_WATCH_INTERVAL: 10_000,
      HTTP2: "on",
      HTTP2_STREAMS: 100,
      PROXY_PROTOCOL: "off",
      ORIGINS: ["http://localhost:4001"],
      PRESERVE_HOST: false,
      ORIGIN_TIMEOUT: 30_000,
      ORIGIN_CONNECT_TIMEOUT: 2_000,
      ORIGIN_BODY_TIMEOUT: 300_000,
      ORIGIN_CONNECTIONS: 256,
      ORIGIN_QUEUE: 1024,
      ORIGIN_RETRY_PERCENT: 10,
      ORIGIN_HEDGE_AFTER: 0,
      ORIGIN_BREAKER_AFTER: 5,
      ORIGIN_EJECT_AFTER: 5,
      ORIGIN_EJECT_FOR: 10_000,
      ORIGIN_SLOW_START: 10_000,
      ORIGIN_CA: undefined,
      ORIGIN_HTTP2: "off",
      ORIGIN_CERT: undefined,
      ORIGIN_KEY: undefined,
      HEALTH_CHECK_PATH: "/health-check",
      HEALTH_CHECK_INTERVAL: 10_000,
      HEALTH_CHECK_TIMEOUT: 2_000,
      REDIS_URL: undefined,
      REDIS_CA: undefined,
      REDIS_SENTINEL_PASSWORD: undefined,
      REDIS_COMMAND_TIMEOUT: 250,
      PURGE_ACK_TIMEOUT: 1000,
      CACHE_MEMORY_GRACE: 10_000,
      CACHE_ON_STORE_FAILURE: "origin",
      CACHE_NAMESPACE: "freshline",
      CACHE_DEFAULT_TTL: 0,
      CACHE_DEFAULT_STALE_WHILE_REVALIDATE: 0,
      CACHE_DEFAULT_STALE_IF_ERROR: 0,
      CACHE_KEEP: 600,
      CACHE_MAX_TTL: 30 * 86_400,
      CACHE_MEMORY_BYTES: 64 * 1024 * 1024,
      CACHE_MAX_OBJECT_BYTES: 16 * 1024 * 1024,
      CACHE_CHUNK_BYTES: 256 * 1024,
      CACHE_FLIGHT_BYTES: 256 * 1024 * 1024,
      CACHE_CLIENT_DIRECTIVES: "ignore",
      CACHE_PROFILE: "safe",
      CACHE_SET_COOKIE: false,
      CACHE_TAG_FIELDS: ["Cache-Groups", "Surrogate-Key", "Cache-Tag", "xkey"],
      CACHE_TAG_FIELDS_STRIP: true,
      CACHE_KEY_IGNORE_PARAMS: [],
      CACHE_KEY_FIELDS: [],
      UNKEYED_FIELDS_STRIP: [],
      UNKEYED_FIELDS_PASS: [],
      CACHE_UNCACHEABLE_FOR: 120,
      CACHE_UNCACHEABLE_KEYS: 10_000,
      WARM_URLS: [],
      COALESCE_PATIENCE: 5000,
      LEASE_TTL: 10_000,
      REFRESH_CONCURRENCY: 64,
      CORS_ORIGINS: [],
      SECURITY_HEADERS: false,
      ADMIN_PORT: 3001,
      ADMIN_HOST: "127.0.0.1",
      ADMIN_TOKEN: undefined,
      METRICS_ROUTES: [],
      LOG_LEVEL: "info",
      LOG_FORMAT: "auto",
      LOG_SAMPLE: 1,
      LOG_REDACT_QUERY: [],
      OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
      OTEL_EXPORTER_OTLP_HEADERS: {},
      OTEL_EXPORTER_OTLP_TIMEOUT: 10_000,
      OTEL_SERVICE_NAME: "freshline",
      OTEL_RESOURCE_ATTRIBUTES: {},
      OTEL_TRACES_SAMPLER: "parentbased_always_on",
      OTEL_TRACES_SAMPLER_ARG: 1,
      OTEL_BSP_MAX_QUEUE_SIZE: 2048,
      OTEL_BSP_SCHEDULE_DELAY: 5000,
    } satisfies Config);
  });

  it("give ADMIN_PORT the port after PORT, and before it at the end of the range", () => {
    expect(configOf({ PORT: "8080" }).ADMIN_PORT).toBe(8081);
    expect(configOf({ PORT: "65535" }).ADMIN_PORT).toBe(65534);
    expect(configOf({ PORT: "8080", ADMIN_PORT: "9" }).ADMIN_PORT).toBe(9);
  });

  it("give what a profile changes its value, and leave what is set as it is", () => {
    const changed = (env: Record<string, string>) => {
      const config = configOf(env);
      return [config.CACHE_CLIENT_DIRECTIVES, config.CACHE_SET_COOKIE];
    };
    expect(changed({ CACHE_PROFILE: "rfc" })).toEqual(["honour", true]);
    expect(changed({ CACHE_PROFILE: "rfc", CACHE_CLIENT_DIRECTIVES: "ignore" })).toEqual(["ignore", true]);
    expect(changed({ CACHE_PROFILE: "rfc", CACHE_SET_COOKIE: "false" })).toEqual(["honour", false]);
    expect(changed({ CACHE_CLIENT_DIRECTIVES: "honour", CACHE_SET_COOKIE: "true" })).toEqual([
      "honour",
      true,
    ]);
  });

  it("make the types of Config from the table", () => {
    expectTypeOf<Config["PORT"]>().toEqualTypeOf<number>();
    expectTypeOf<Config["HOST"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Config["ORIGINS"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<Config["CORS_ORIGINS"]>().toEqualTypeOf<"*" | readonly string[]>();
    expectTypeOf<Config["CACHE_CLIENT_DIRECTIVES"]>().toEqualTypeOf<"ignore" | "honour">();
    expectTypeOf<Config["PRESERVE_HOST"]>().toEqualTypeOf<boolean>();
  });
});

describe("precedence", () => {
  const sourceOf = (written: Written, name: SettingName) => {
    const loaded = loadConfig({ originsRequired: false, ...written });
    return loaded.ok ? [loaded.config[name], loaded.sources[name]] : loaded.errors;
  };
  const flags = { PORT: "1001" };
  const env = { PORT: "1002" };
  const dotenvText = "# a comment\nPORT=1003 # and another\n";

  it("is flag, environment, .env, default", () => {
    expect(sourceOf({ flags, env, dotenvText }, "PORT")).toEqual([1001, "flag"]);
    expect(sourceOf({ env, dotenvText }, "PORT")).toEqual([1002, "environment"]);
    expect(sourceOf({ dotenvText }, "PORT")).toEqual([1003, ".env"]);
    expect(sourceOf({}, "PORT")).toEqual([3000, "default"]);
  });

  it("takes an empty or blank value as the default, and as hiding weaker sources", () => {
    expect(sourceOf({ env: { PORT: "" } }, "PORT")).toEqual([3000, "default"]);
    expect(sourceOf({ env: { PORT: "  " }, dotenvText }, "PORT")).toEqual([3000, "default"]);
    const redis = "REDIS_URL=redis://localhost";
    expect(sourceOf({ env: { REDIS_URL: "" }, dotenvText: redis }, "REDIS_URL")).toEqual([
      undefined,
      "default",
    ]);
    expect(sourceOf({ flags: { PORT: "" }, env }, "PORT")).toEqual([3000, "default"]);
  });

  it("trims what is around a value", () => {
    expect(configOf({ PORT: " 8080 " }).PORT).toBe(8080);
  });
});

describe("values", () => {
  it.each<[SettingName, string, unknown]>([
    ["PORT", "1", 1],
    ["PORT", "65535", 65535],
    ["HEADERS_TIMEOUT", "500ms", 500],
    ["HEADERS_TIMEOUT", "10s", 10_000],
    ["HEADERS_TIMEOUT", "10", 10_000],
    ["HEADERS_TIMEOUT", "0.5", 500],
    ["KEEP_ALIVE_TIMEOUT", "1.5m", 90_000],
    ["KEEP_ALIVE_TIMEOUT", "1H", 3_600_000],
    ["REQUEST_TIMEOUT", "24d", 2_073_600_000],
    ["SHUTDOWN_TIMEOUT", "0", 0],
    ["LOG_SAMPLE", "0.01", 0.01],
    ["LOG_SAMPLE", ".5", 0.5],
    ["LOG_SAMPLE", "1.0", 1],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://Collector:4318/", "http://collector:4318"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "https://a.example/otlp", "https://a.example/otlp"],
    [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "authorization=Bearer%20a%3D%2C, x-tenant = 7,",
      { authorization: "Bearer a=,", "x-tenant": "7" },
    ],
    ["OTEL_RESOURCE_ATTRIBUTES", "a.b=c d", { "a.b": "c d" }],
    ["CACHE_DEFAULT_TTL", "5m", 300],
    ["CACHE_DEFAULT_TTL", "90", 90],
    ["CACHE_DEFAULT_TTL", "500ms", 0.5],
    ["CACHE_MAX_TTL", "2d", 172_800],
    ["CACHE_MEMORY_BYTES", "0", 0],
    ["CACHE_MEMORY_BYTES", "4096", 4096],
    ["CACHE_MEMORY_BYTES", "512KiB", 524_288],
    ["CACHE_MEMORY_BYTES", "64mib", 67_108_864],
    ["CACHE_MEMORY_BYTES", "1GB", 1_000_000_000],
    ["CACHE_MEMORY_BYTES", "1.5 GiB", 1_610_612_736],
    ...["true", "1", "yes", "on", "TRUE"].map((text): [SettingName, string, unknown] => [
      "PRESERVE_HOST",
      text,
      true,
    ]),
    ...["false", "0", "no", "off", "Off"].map((text): [SettingName, string, unknown] => [
      "PRESERVE_HOST",
      text,
      false,
    ]),
    ["LOG_LEVEL", "WARN", "warn"],
    ["CACHE_CLIENT_DIRECTIVES", "honour", "honour"],
    [
      "ORIGINS",
      "HTTP://Example.com:80/, https://b:8443,http://example.com,",
      ["http://example.com", "https://b:8443"],
    ],
    ["ORIGINS", "http://[::1]:4001", ["http://[::1]:4001"]],
    ["REDIS_URL", "redis://localhost", "redis://localhost"],
    ["REDIS_URL", "redis://[::1]:6379/9999", "redis://[::1]:6379/9999"],
    ["REDIS_URL", "rediss-cluster://u:p@a:1,[::1]:2", "rediss-cluster://u:p@a:1,[::1]:2"],
    ["REDIS_URL", "redis-sentinel://a,b:2/3?master=m", "redis-sentinel://a,b:2/3?master=m"],
    ["REDIS_URL", "rediss://user:p%40ss@cache.example:6380/15", "rediss://user:p%40ss@cache.example:6380/15"],
    [
      "TRUSTED_PROXIES",
      "10.0.0.0/8, 192.0.2.7,::1,2001:db8::/32",
      ["10.0.0.0/8", "192.0.2.7/32", "::1/128", "2001:db8::/32"],
    ],
    ["CACHE_KEY_IGNORE_PARAMS", "utm_*, gclid", ["utm_*", "gclid"]],
    ["CORS_ORIGINS", "*", "*"],
    [
      "CORS_ORIGINS",
      "https://a.example,http://b.example:8080",
      ["https://a.example", "http://b.example:8080"],
    ],
    ["HOST", "[::1]", "::1"],
    ["HOST", "localhost", "localhost"],
    ["HEALTH_CHECK_PATH", "/up?deep=1", "/up?deep=1"],
    ["CACHE_NAMESPACE", "shop:eu-1_b", "shop:eu-1_b"],
    ["ADMIN_TOKEN", "s3cr3t+/=~", "s3cr3t+/=~"],
    ["METRICS_ROUTES", "/api/, /img/,/api/", ["/api/", "/img/"]],
    ["WARM_URLS", "/a, http://b.example/c", ["/a", "http://b.example/c"]],
  ])("%s takes %j", (name, text, expected) => {
    expect(configOf({ [name]: text })[name]).toEqual(expected);
  });

  const AN_ORIGIN = "one such as http://localhost:4001";
  it.each<[SettingName, string, string]>([
    ["PORT", "abc", '"abc" is not a port; expected an integer from 1 to 65535'],
    ["PORT", "0", '"0" is not a port; expected an integer from 1 to 65535'],
    ["PORT", "65536", '"65536" is not a port; expected an integer from 1 to 65535'],
    ["PORT", "80.5", '"80.5" is not a port; expected an integer from 1 to 65535'],
    ["PORT", "0x50", '"0x50" is not a port; expected an integer from 1 to 65535'],
    ["PORT", "-1", '"-1" is not a port; expected an integer from 1 to 65535'],
    ["ORIGIN_QUEUE", "many", '"many" is not a number; expected an integer from 0 to 1000000'],
    [
      "CACHE_DEFAULT_TTL",
      "5 minutes",
      '"5 minutes" is not a duration; expected a number with ms, s, m, h or d, such as 10s',
    ],
    [
      "CACHE_DEFAULT_TTL",
      "-5s",
      '"-5s" is not a duration; expected a number with ms, s, m, h or d, such as 10s',
    ],
    ["CACHE_DEFAULT_TTL", "3651d", '"3651d" is too long; expected 0s to 3650d'],
    ["CACHE_DEFAULT_TTL", `${"9".repeat(400)}d`, `"${"9".repeat(120)}…" is too long; expected 0s to 3650d`],
    ["HEADERS_TIMEOUT", "0s", '"0s" is too short; expected 1ms to 24d'],
    ["HEADERS_TIMEOUT", "25d", '"25d" is too long; expected 1ms to 24d'],
    [
      "CACHE_MEMORY_BYTES",
      "64M",
      '"64M" is not a size; expected bytes, or a number with KB, MB, GB, KiB, MiB or GiB, such as 64MiB',
    ],
    ["CACHE_MAX_OBJECT_BYTES", "0", '"0" is too small; expected 1 to 512MiB'],
    ["CACHE_CHUNK_BYTES", "8KiB", '"8KiB" is too small; expected 16KiB to 8MiB'],
    ["CACHE_MAX_OBJECT_BYTES", "513MiB", '"513MiB" is too large; expected 1 to 512MiB'],
    ["PRESERVE_HOST", "maybe", '"maybe" is neither true nor false; expected true or false'],
    ["CACHE_CLIENT_DIRECTIVES", "honor", '"honor" is not known; expected ignore, honour'],
    ["ORIGINS", "localhost:4001", '"localhost:4001" has no scheme; expected http://localhost:4001'],
    ["ORIGINS", "localhost:4001/x?y", '"localhost:4001/x?y" has no scheme; expected http://localhost:4001'],
    ["ORIGINS", "a\r\nb", '"a\\r\\nb" has no scheme; expected http://host:port'],
    ["ORIGINS", "http:localhost", `"http:localhost" is not a URL; expected ${AN_ORIGIN}`],
    ["ORIGINS", "http://a b", `"http://a b" is not a URL; expected ${AN_ORIGIN}`],
    ["ORIGINS", "http://a:99999", `"http://a:99999" is not a URL; expected ${AN_ORIGIN}`],
    ["ORIGINS", "ftp://a", '"ftp://a" has the scheme ftp; expected http or https'],
    ["ORIGINS", "http://a/b", '"http://a/b" has a path or a query; expected http://a'],
    ["ORIGINS", "http://a?b", '"http://a?b" has a path or a query; expected http://a'],
    ["ORIGINS", "http://a#b", '"http://a#b" has a fragment; expected http://a'],
    ["ORIGINS", "http://a:0", '"http://a:0" has port 0; expected a port from 1 to 65535'],
    ["ORIGINS", "http://me:hunter2@a", '"http://***@a" has credentials; expected http://a'],
    ["REDIS_URL", "localhost", '"localhost" has no scheme; expected one such as redis://localhost:6379'],
    ["REDIS_URL", "redis://a#b", '"redis://a#b" has a fragment; expected # in a password to be written %23'],
    [
      "REDIS_URL",
      "http://localhost",
      '"http://localhost" has the scheme http; expected redis, redis-cluster or redis-sentinel, or rediss… for TLS',
    ],
    [
      "REDIS_URL",
      "redis-cluster://a,b/1",
      '"redis-cluster://a,b/1" names a database; expected none, since a Cluster has only one',
    ],
    [
      "REDIS_URL",
      "redis-sentinel://a,b",
      '"redis-sentinel://a,b" does not name the master; expected ?master= and what the Sentinels call it at the end',
    ],
    [
      "REDIS_URL",
      "rediss-cluster://a,b c",
      '"rediss-cluster://a,b c" is not a URL; expected one such as redis://localhost:6379 (in a password, write / as %2F, # as %23 and @ as %40)',
    ],
    [
      "REDIS_URL",
      "redis://localhost/zero",
      '"redis://localhost/zero" does not end in a database number; expected one from 0 to 9999: redis://localhost:6379/0',
    ],
    [
      "REDIS_URL",
      "redis://h/12345",
      '"redis://h/12345" does not end in a database number; expected one from 0 to 9999: redis://localhost:6379/0',
    ],
    [
      "REDIS_URL",
      "redis://h:6379/abc",
      '"redis://h:6379/abc" does not end in a database number; expected one from 0 to 9999: redis://localhost:6379/0',
    ],
    [
      "REDIS_URL",
      "redis://h/?password=x",
      '"redis://h/?password=***" has a query; expected user and password before the host: redis://user:password@localhost',
    ],
    [
      "REDIS_URL",
      "rediss://h#x",
      '"rediss://h#x" has a fragment; expected # in a password to be written %23',
    ],
    ["REDIS_URL", "redis://h:0", '"redis://h:0" has port 0; expected a port from 1 to 65535'],
    [
      "REDIS_URL",
      "redis://h%zz",
      '"redis://h%zz" names no host; expected a name or an IP address, such as localhost or [::1]',
    ],
    [
      "TRUSTED_PROXIES",
      "10.0.0.0/33",
      '"10.0.0.0/33" is not an address range; expected one such as 10.0.0.0/8 or 2001:db8::/32',
    ],
    [
      "TRUSTED_PROXIES",
      "proxy.local",
      '"proxy.local" is not an address range; expected one such as 10.0.0.0/8 or 2001:db8::/32',
    ],
    [
      "CACHE_KEY_IGNORE_PARAMS",
      "*",
      '"*" is not a parameter name; expected a name such as gclid, or a beginning such as utm_*',
    ],
    [
      "CORS_ORIGINS",
      "*,https://a",
      '"*,https://a" names origins beside *; expected * alone, or a list without it',
    ],
    [
      "HOST",
      "300.1.1.1",
      '"300.1.1.1" is not a host; expected a name or an IP address, such as 127.0.0.1 or ::1',
    ],
    [
      "HOST",
      "http://a",
      '"http://a" is not a host; expected a name or an IP address, such as 127.0.0.1 or ::1',
    ],
    ...["-0.1", "1.1", "2", "1%", "1e-3"].map((text): [SettingName, string, string] => [
      "LOG_SAMPLE",
      text,
      `"${text}" is no ratio; expected a number from 0 to 1, such as 0.01`,
    ]),
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "localhost:4318",
      '"localhost:4318" is no URL of http or https; expected one such as http://localhost:4318',
    ],
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "http://user:hunter2@a.example",
      '"http://***@a.example" has credentials; expected none, and OTEL_EXPORTER_OTLP_HEADERS for them',
    ],
    ...["hunter2", "=hunter2", "a b=hunter2", "a=hunter2%zz", "a=hunter2%0A"].map(
      (text): [SettingName, string, string] => [
        "OTEL_EXPORTER_OTLP_HEADERS",
        text,
        '"***" is no list of pairs; expected name=value, with commas between them, and percent-encoding for what is not visible ASCII',
      ],
    ),
    ["HEALTH_CHECK_PATH", "health", '"health" is not a path; expected one such as /health-check'],
    ["HEALTH_CHECK_PATH", "/a\r\nX: y", '"/a\\r\\nX: y" is not a path; expected one such as /health-check'],
    ["CACHE_NAMESPACE", "a{b}", '"a{b}" is not a namespace; expected 1 to 100 letters, digits, -, _ or :'],
  ])("%s refuses %j", (name, text, problem) => {
    expect(errorsOf({ [name]: text })).toEqual([`${name}: ${problem}`]);
  });
});

describe("errors", () => {
  it("are all told at once, each member of a list as well", () => {
    const errors = errorsOf({ PORT: "abc", ORIGINS: "a:1,http://b,c:2", LOG_LEVEL: "loud" });
    expect(errors.map((error) => error.slice(0, error.indexOf(";")))).toEqual([
      'PORT: "abc" is not a port',
      'ORIGINS: "a:1" has no scheme',
      'ORIGINS: "c:2" has no scheme',
      'LOG_LEVEL: "loud" is not known',
    ]);
  });

  it.each([
    "redis://:hunter2@localhost/zero",
    "redis://user:hunter2@localhost:99999",
    "redis://:hun/hunter2#x@localhost",
    "redis://:p@hunter2@localhost/zero",
    "user:hunter2@localhost:6379",
    "http://user:hunter2@localhost",
    "redis://localhost/zero?password=hunter2",
    "redis://:hunter2%zz@localhost",
    "redis://localhost?password=hunter2&username=hunter2",
    "redis://localhost/0?auth=hunter2",
    "redis://user:hunter2",
    "redis://:hunter2",
    "hunter2/hunter2@localhost",
  ])("never show the password of %s", (url) => {
    const errors = errorsOf({ REDIS_URL: url });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^REDIS_URL: ".*\*\*\*/);
    expect(errors[0]).not.toContain("hunter2");
  });

  it("bound METRICS_ROUTES, whose members begin with /", () => {
    const paths = (count: number) => Array.from({ length: count }, (_, i) => `/p${i}/`).join(",");
    expect(errorsOf({ METRICS_ROUTES: paths(100) })).toEqual([]);
    expect(errorsOf({ METRICS_ROUTES: paths(101) })[0]).toMatch(/has 101 members; expected 100 at most$/);
    expect(errorsOf({ METRICS_ROUTES: "api" })).toEqual([
      'METRICS_ROUTES: "api" is not a path prefix; expected up to 200 visible characters that begin with /',
    ]);
  });

  it("never show ADMIN_TOKEN", () => {
    expect(errorsOf({ ADMIN_TOKEN: "hunter2 hunter2" })).toEqual([
      'ADMIN_TOKEN: "***" holds a comma, a space, a control or a non-ASCII character; expected other visible ASCII characters',
    ]);
    // No Authorization field could ever bring it: a comma begins another one there.
    expect(errorsOf({ ADMIN_TOKEN: "hunter2,hunter2" })).toHaveLength(1);
  });
});

describe("settings that contradict each other", () => {
  it("refuse to have no origin, unless the command needs none", () => {
    expect(errorsOf({ ORIGINS: " , " })).toEqual([
      "ORIGINS: is empty; expected at least one origin, such as http://localhost:4001",
    ]);
    expect(configOf({ ORIGINS: "" }, { originsRequired: false }).ORIGINS).toEqual([]);
  });

  it("refuse one port for two listeners", () => {
    expect(errorsOf({ PORT: "4000", ADMIN_PORT: "4000" })).toEqual([
      'ADMIN_PORT: "4000" is PORT as well; expected another port',
    ]);
    expect(errorsOf({ PORT: "3001" })).toEqual([]);
  });

  it("refuse a head that may take longer than the request that it begins", () => {
    expect(errorsOf({ HEADERS_TIMEOUT: "10m", PORT: "0" })).toEqual([
      'PORT: "0" is not a port; expected an integer from 1 to 65535',
      'HEADERS_TIMEOUT: "10m" is longer than REQUEST_TIMEOUT "5m", which the head is a part of; expected at most that',
    ]);
    expect(errorsOf({ REQUEST_TIMEOUT: "9999ms" })).toHaveLength(1);
    expect(errorsOf({ REQUEST_TIMEOUT: "9999ms", HEADERS_TIMEOUT: "9999ms" })).toEqual([]);
    // A time-out that is wrong has its own error already.
    expect(errorsOf({ REQUEST_TIMEOUT: "no", HEADERS_TIMEOUT: "10m" })).toHaveLength(1);
  });

  it("refuse an admin API off loopback without a token", () => {
    for (const host of ["0.0.0.0", "::", "10.1.2.3", "admin.example"]) {
      expect(errorsOf({ ADMIN_HOST: host })).toEqual([
        `ADMIN_TOKEN: is empty while ADMIN_HOST "${host}" is not loopback; expected a token, or ADMIN_HOST 127.0.0.1`,
      ]);
      expect(errorsOf({ ADMIN_HOST: host, ADMIN_TOKEN: "t" })).toEqual([]);
    }
    expect(errorsOf({ ADMIN_HOST: "localhost" })).toEqual([]);
    expect(errorsOf({ ADMIN_HOST: "0.0.0.0", ADMIN_TOKEN: "a b" })).toHaveLength(1);
  });

  it("know every spelling of loopback", () => {
    for (const host of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "LOCALHOST"]) {
      expect(isLoopback(host), host).toBe(true);
    }
    for (const host of ["128.0.0.1", "0.0.0.0", "::", "::2", "127.0.0.1.example", "localhost.example"]) {
      expect(isLoopback(host), host).toBe(false);
    }
  });
});

describe("the table", () => {
  it("has each setting in exactly one group, and each flag once", () => {
    expect(GROUPS.flatMap(([, settings]) => Object.keys(settings))).toEqual(SETTING_NAMES);
    const flags = SETTING_NAMES.flatMap((name) => flagsOf(name));
    expect(new Set(flags).size).toBe(flags.length);
    expect(flagsOf("CACHE_DEFAULT_TTL")).toEqual(["ttl", "cache-default-ttl"]);
    expect(flagsOf("ORIGINS")).toEqual(["origin", "origins"]);
  });

  it("says what each means in one sentence", () => {
    for (const name of SETTING_NAMES) expect(SETTINGS[name].meaning, name).toMatch(/^\S[^\n]*[^.]\.$/);
  });

  it("has every setting in the README's form, five cells a row", () => {
    const rows = settingsTable().split("\n");
    for (const name of SETTING_NAMES) {
      expect(
        rows.filter((row) => row.startsWith(`| \`${name}\``)),
        name,
      ).toHaveLength(1);
    }
    for (const row of rows) expect(row.replaceAll("\\|", "").split("|"), row).toHaveLength(7);
  });

  it("takes its place between the markers, and nowhere else", () => {
    const document = "a\n<!-- settings:begin -->\nold\n<!-- settings:end -->\nb\n";
    const updated = withTable(document, "new");
    expect(updated).toBe("a\n<!-- settings:begin -->\nnew\n<!-- settings:end -->\nb\n");
    expect(withTable(updated, "new")).toBe(updated);
    expect(() => withTable("no markers", "new")).toThrow("settings:begin");
    expect(() => withTable(document + document, "new")).toThrow("once each");
  });
});
