import { watch } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { Crew } from "./children.ts";

const FOLDERS = ["src", "mock-origin", "scripts"];
/** An editor's save, or a checkout, is many events. */
const SETTLE_MS = 100;

/**
 * Builds dist/ again whenever a source changes, until `signal`. Only what changed is written,
 * so that `node --watch` starts only those again that it concerns.
 *
 * Our own watching, since that of TypeScript 7.0 misses changes on some file systems.
 */
export function rebuildOnChange(root: string, crew: Crew, signal: AbortSignal): void {
  let building = false;
  let changed = false;
  let settling: NodeJS.Timeout | undefined;

  const build = async (): Promise<void> => {
    if (building) return;
    building = true;
    while (changed && !signal.aborted) {
      changed = false;
      for (const args of compilations(root)) {
        await crew.start("The compiler", process.execPath, args, { cwd: root }).ended;
      }
      await copyPage(root);
    }
    building = false;
  };
  const hear = (_event: string, file: string | null): void => {
    if (file !== null && !/\.(?:ts|html|css|svg)$/.test(file)) return;
    changed = true;
    clearTimeout(settling);
    settling = setTimeout(() => void build(), SETTLE_MS);
  };
  for (const folder of FOLDERS) {
    const watcher = watch(join(root, folder), { recursive: true, signal }, hear);
    // A folder that vanishes in the middle of a checkout ends its watching, and nothing else.
    watcher.on("error", () => {});
  }
  signal.addEventListener("abort", () => clearTimeout(settling), { once: true });
}

/** As `make build` does it. Type errors are told, and the code is written all the same. */
function compilations(root: string): string[][] {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  return [
    [tsc, "-p", "tsconfig.build.json", "--incremental", "--tsBuildInfoFile", "dist/tsbuildinfo"],
    [tsc, "-p", "src/admin/dashboard/client"],
  ];
}

/** The dashboard's page and style. One that is being written anew is copied after its next event. */
async function copyPage(root: string): Promise<void> {
  const page = "src/admin/dashboard/static";
  await cp(join(root, page), join(root, "dist", page), { recursive: true }).catch(() => {});
}
