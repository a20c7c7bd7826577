import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Defence, piecesOf, without } from "./defence.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What other commands have brought or built: tests want the first of it, and nothing writes to that. */
const LINKED = ["node_modules", "tools/runtime/node_modules", ".redis"];
const LEFT_OUT = new Set([...LINKED, "bench/peers/node_modules", "dist", "coverage", ".git"]);

/** A copy of the repository, in which a defence can be taken out. */
export interface Copy {
  readonly path: string;
  /** Takes the defence out while `act` runs, and puts it back, whatever comes of it. */
  during<T>(defence: Defence, act: () => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

export async function copyOfRepository(): Promise<Copy> {
  const path = await mkdtemp(join(tmpdir(), "freshline-defences-"));
  await cp(ROOT, path, { recursive: true, filter: (from) => !LEFT_OUT.has(relative(ROOT, from)) });
  for (const folder of LINKED) {
    await mkdir(dirname(join(path, folder)), { recursive: true });
    await symlink(join(ROOT, folder), join(path, folder));
  }
  return {
    path,
    async during(defence, act) {
      const sources = new Map<string, string>();
      try {
        for (const piece of piecesOf(defence)) {
          const file = join(path, piece.file);
          const source = await readFile(file, "utf8");
          if (!sources.has(file)) sources.set(file, source);
          await writeFile(file, without(piece, source));
        }
        return await act();
      } finally {
        for (const [file, source] of sources) await writeFile(file, source);
      }
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
