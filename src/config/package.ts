import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The package's folder: above this file, one more where it is built. */
export function packageDirectory(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, "package.json")) && directory !== dirname(directory)) {
    directory = dirname(directory);
  }
  return directory;
}

/** As the package says it. */
export function version(): string {
  const text = readFileSync(join(packageDirectory(), "package.json"), "utf8");
  return String((JSON.parse(text) as { version?: unknown }).version);
}
