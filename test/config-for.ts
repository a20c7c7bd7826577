import type { SettingName } from "../src/config/settings.ts";
import { type Config, loadConfig } from "../src/config.ts";

/** Settings as a user writes them, on ports that the system chooses. */
export function configFor(settings: Partial<Record<SettingName, string>>): Config {
  const loaded = loadConfig({ flags: settings });
  if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
  return { ...loaded.config, PORT: 0, ADMIN_PORT: 0 };
}
