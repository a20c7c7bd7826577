import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { cli } from "../../src/cli.ts";
import { SETTING_NAMES, type SettingName } from "../../src/config/settings.ts";
import { type Config, loadConfig } from "../../src/config.ts";
import { start } from "../../src/start.ts";
import { freePorts } from "../free-port.ts";

const NUMBERS = ["0", "00", "-1", "+1", "1", "7", "65535", "65536", "1e3", "0x10", "1.5", "Infinity", "NaN"];
const LARGE = ["9007199254740993", "9".repeat(400), "1000000000000000"];
const DURATIONS = ["0s", "0.4ms", "1ms", "3650d", "24d", "25d", "1w", "10 s", "-5s", "1h30m"];
const SIZES = ["0B", "1KiB", "1MiB", "512MiB", "64TiB", "65TiB", "1.5 GiB", "64M"];
const WORDS = ["true", "off", "maybe", "safe", "honour", "json", "silent", "*", "auto,json", ",", ";", "-"];
const HOSTS = ["localhost", "a..b", "nobody.invalid", "fe80::1", "[::1]", "255.255.255.255", "10.0.0.0/33"];
const URLS = [
  "http://127.0.0.1:1",
  "http://*",
  "https://a:99999",
  "http://a/b?c#d",
  "http://u:hunter2@a",
  "ftp://a",
  "//a",
  "http://",
  "http://[::1%25lo]",
];
const REDIS = [
  "redis://127.0.0.1:1/12345",
  "redis://127.0.0.1:1/?password=hunter2",
  "redis://127.0.0.1:1/abc",
  "redis://:hunter2",
  "redis://u:hunter2@127.0.0.1:1#x",
  "rediss://127.0.0.1:1/0#hunter2@",
  "redis://h%zz",
  "redis://127.0.0.1:1?",
  "redis://127.0.0.1:1/0#",
  "redis://127.0.0.1:1/./1",
  "redis://127.0.0.1:1/\t1",
  "redis://127.0.0.1\t:1",
  "redis://a@b:c:d@127.0.0.1:1",
  "redis-cluster://127.0.0.1:1,127.0.0.1:0",
  "redis-cluster://127.0.0.1:1,/0",
  "redis-cluster://127.0.0.1:1,127.0.0.1:2",
  "redis-sentinel://127.0.0.1:1?master=",
  "redis-sentinel://127.0.0.1:1,127.0.0.1:2/7?master=a",
  "redis://h%00",
  "redis://",
];
const TEXTS = [
  "/",
  "/a b",
  "/a\r\nX: y",
  "\0",
  "é",
  "🎈",
  "{}",
  "{{a}}",
  "__proto__",
  "constructor",
  "%zz",
  "/\\",
];
const ODD = [...NUMBERS, ...LARGE, ...DURATIONS, ...SIZES, ...WORDS, ...HOSTS, ...URLS, ...REDIS, ...TEXTS];

const ENV = { ORIGINS: "http://127.0.0.1:1", HOST: "127.0.0.1", SHUTDOWN_TIMEOUT: "100ms", ADMIN_TOKEN: "t" };
const envOf = (name: SettingName, text: string) => ({ ...ENV, [name]: text });

describe.each(SETTING_NAMES)("%s", (name) => {
  it("takes an odd value or refuses it with one sentence, which shows no password", () => {
    for (const text of ODD) {
      const loaded = loadConfig({ env: envOf(name, text) });
      if (loaded.ok) continue;
      for (const error of loaded.errors) {
        expect(error, text).toMatch(/^[A-Z][A-Z0-9_]*: .+; expected .+$/);
        expect(error, text).not.toContain("hunter2");
        expect(error.length, text).toBeLessThan(400);
      }
    }
  });

  it("starts with every odd value that it takes, or says in one line which setting is wrong", async () => {
    const taken = new Map<string, string>();
    for (const text of ODD) {
      const loaded = loadConfig({ env: envOf(name, text) });
      if (loaded.ok) taken.set(JSON.stringify(loaded.config[name]), text);
    }
    for (const text of taken.values()) {
      const { code, said } = await startedWith(envOf(name, text));
      if (code === 0) expect(said, text).toEqual([]);
      else expect(said.join("\n"), text).toMatch(new RegExp(`^freshline: (?!cannot start).*\\b${name}$`));
    }
  });
});

/** On free ports; on others, when somebody else has taken them meanwhile. */
async function startedWith(env: Readonly<Record<string, string>>) {
  for (let tries = 1; ; tries++) {
    const [port, adminPort] = await freePorts(2);
    const ports = { PORT: String(port), ADMIN_PORT: String(adminPort) };
    const said: string[] = [];
    const code = await cli([], {
      env: { ...ports, ...env },
      directory: tmpdir(),
      out: (line) => said.push(line),
      err: (line) => said.push(line),
      program: async () => ({
        main: startAndStop,
        clearSharedCache: async () => "cleared",
        examine: async () => [],
      }),
    });
    if (tries === 5 || !/port \d+ is taken/.test(said.join())) return { code, said };
  }
}

async function startAndStop({ config }: { readonly config: Config }): Promise<void> {
  const running = await start(config);
  await running.stop();
}
