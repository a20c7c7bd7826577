import type { Settled } from "../src/config/changes.ts";
import type { SettingName } from "../src/config/settings.ts";
import { type Config, type Loaded, loadConfig } from "../src/config.ts";

type Settings = Readonly<Partial<Record<SettingName, string>>>;

/** Settings as a user writes them, on ports that the system chooses. */
export function loadedFor(settings: Settings): Loaded {
  const loaded = loadConfig({ flags: settings });
  return loaded.ok
    ? { ...loaded, config: { ...loaded.config, PORT: 0, ADMIN_PORT: 0, TLS_PORT: 0 } }
    : loaded;
}

/** The same, without a mistake. */
export function settledFor(settings: Settings): Settled {
  const loaded = loadedFor(settings);
  if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
  return loaded;
}

export const configFor = (settings: Settings): Config => settledFor(settings).config;
