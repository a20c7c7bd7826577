import { expect, it } from "vitest";
import { shownText } from "../../src/config/in-force.ts";
import { SETTING_NAMES, SETTINGS } from "../../src/config/settings.ts";
import { loadConfig } from "../../src/config.ts";

it.each([
  ["ADMIN_TOKEN", "hunter2", "***"],
  ["ADMIN_TOKEN", "", ""],
  ["REDIS_SENTINEL_PASSWORD", "hunter2", "***"],
  ["REDIS_URL", "redis://user:hunter2@host:6379/1", "redis://***@host:6379/1"],
  ["REDIS_URL", "redis-cluster://u:hun,ter2@a:1,b:2", "redis-cluster://***@a:1,b:2"],
  ["REDIS_URL", "redis-sentinel://u:p@a,b?master=m", "redis-sentinel://***@a,b?master=m"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/?key=hunter2&a=b", "http://c:4318/?key=***&a=***"],
  ["REDIS_URL", "redis://host", "redis://host"],
  [
    "WARM_URLS",
    "http://u:hunter2@a/,http://b/?token=hunter2,/c@d",
    "http://***@a/,http://b/?token=***,***@d",
  ],
  ["ORIGINS", "http://a:1,http://b:2", "http://a:1,http://b:2"],
  ["HEALTH_CHECK_PATH", "/health@check", "/health@check"],
] as const)("%s is shown of %s as %s", (name, text, shown) => {
  expect(shownText(name, text)).toBe(shown);
});

it("no setting that takes a secret is shown, whichever it is", () => {
  const secrets = SETTING_NAMES.filter((name) => SETTINGS[name].kind.name === "secret");
  expect(secrets).toEqual(expect.arrayContaining(["ADMIN_TOKEN", "REDIS_SENTINEL_PASSWORD"]));
  for (const name of secrets) expect(shownText(name, "hunter2")).toBe("***");
});

it("settings in force are those that were taken, with where each was written", () => {
  const loaded = loadConfig({
    flags: { ORIGINS: "http://a" },
    env: { PORT: "4000", CACHE_PROFILE: "rfc" },
    dotenvText: "PORT=5000\nCACHE_KEEP=1h",
  });
  if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
  expect(loaded.settings.map(({ name }) => name)).toEqual(SETTING_NAMES);
  const shown = (wanted: string) => {
    const { value, source } = loaded.settings.find(({ name }) => name === wanted) ?? {};
    return `${value} ${source}`;
  };
  expect(shown("ORIGINS")).toBe("http://a flag");
  expect(shown("PORT")).toBe("4000 environment");
  expect(shown("CACHE_KEEP")).toBe("1h .env");
  // What a default goes by is settled.
  expect(shown("ADMIN_PORT")).toBe("4001 default");
  expect(shown("CACHE_SET_COOKIE")).toBe("true default");
});
