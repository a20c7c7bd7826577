import { describe, expect, it } from "vitest";
import { changesOf, emptyingChanges, reloaded } from "../../src/config/changes.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "../../src/config/settings.ts";
import { configFor, settledFor } from "../config-for.ts";

type Settings = Partial<Record<SettingName, string>>;
const ORIGINS = "http://localhost:1";
const settled = (settings: Settings = {}) => settledFor({ ORIGINS, ...settings });

describe("what is written differently", () => {
  it("is told as a user would write it, and whether it holds now", () => {
    const changes = changesOf(settled(), settled({ CACHE_KEEP: "90s", CACHE_CHUNK_BYTES: "1MiB" }));
    expect(changes).toEqual([
      { name: "CACHE_KEEP", from: "10m", to: "90s", effect: "applied" },
      { name: "CACHE_CHUNK_BYTES", from: "256KiB", to: "1MiB", effect: "needs a restart" },
    ]);
  });

  it("is nothing where the same is meant", () => {
    expect(changesOf(settled({ CACHE_KEEP: "600s" }), settled({ CACHE_KEEP: "10m" }))).toEqual([]);
  });

  it("holds no secret", () => {
    const changes = changesOf(
      settled({ ADMIN_TOKEN: "first-token" }),
      settled({ ADMIN_TOKEN: "second-token", REDIS_URL: "redis://me:hidden@cache.test" }),
    );
    expect(changes.map(({ name }) => name)).toEqual(["REDIS_URL", "ADMIN_TOKEN"]);
    expect(JSON.stringify(changes)).not.toMatch(/token"|hidden/);
  });
});

it("in force afterwards is what can change, and of the rest what was", () => {
  const before = settled({ CACHE_KEEP: "1m", CACHE_CHUNK_BYTES: "512KiB" });
  const after = reloaded(before, settled({ CACHE_KEEP: "2m", CACHE_CHUNK_BYTES: "1MiB" }));
  expect(after.config).toMatchObject({ CACHE_KEEP: 120, CACHE_CHUNK_BYTES: 512 * 1024 });
  const shown = (wanted: string) => after.settings.find(({ name }) => name === wanted)?.value;
  expect([shown("CACHE_KEEP"), shown("CACHE_CHUNK_BYTES")]).toEqual(["2m", "512KiB"]);
  expect(after.settings.map(({ name }) => name)).toEqual(SETTING_NAMES);
  expect(changesOf(after, settled({ CACHE_KEEP: "2m", CACHE_CHUNK_BYTES: "512KiB" }))).toEqual([]);
});

it.each<[Settings, Settings, SettingName[]]>([
  [{}, { CACHE_KEY_FIELDS: "X-Kind" }, ["CACHE_KEY_FIELDS"]],
  [{ CACHE_KEY_FIELDS: "X-Kind" }, {}, ["CACHE_KEY_FIELDS"]],
  [{ UNKEYED_FIELDS_PASS: "X-Host" }, {}, ["UNKEYED_FIELDS_PASS"]],
  [{}, { UNKEYED_FIELDS_PASS: "X-Host" }, []],
  [{ CACHE_SET_COOKIE: "true" }, {}, ["CACHE_SET_COOKIE"]],
  [{ CACHE_PROFILE: "rfc" }, {}, ["CACHE_SET_COOKIE"]],
  [{}, { CACHE_SET_COOKIE: "true" }, []],
  [{ CACHE_KEY_IGNORE_PARAMS: "utm_*" }, {}, []],
  [{}, { CACHE_KEY_IGNORE_PARAMS: "utm_*" }, []],
])("from %j to %j empties the cache for %j", (before, after, names) => {
  expect(emptyingChanges(configFor({ ORIGINS, ...before }), configFor({ ORIGINS, ...after }))).toEqual(names);
});

it("what listens, and what is sized once, needs a restart", () => {
  const fixed = ["PORT", "HOST", "WORKERS", "ADMIN_PORT", "REDIS_URL", "CACHE_MEMORY_BYTES"] as const;
  for (const name of fixed) expect(SETTINGS[name].restart, name).toBe(true);
});
