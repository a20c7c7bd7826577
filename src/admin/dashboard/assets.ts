import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";

/**
 * What the dashboard's page is made of, by the name under which it is served.
 *
 * Compiled, the scripts lie beside this file as they are sent. Run from its sources, they are
 * TypeScript still, which is made JavaScript when it is asked for.
 */
export interface Asset {
  readonly type: string;
  readonly text: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const fromSources = import.meta.url.endsWith(".ts");
const here = (path: string): URL => new URL(path, import.meta.url);
const fromPackage = (path: string): string => createRequire(import.meta.url).resolve(path);

/** Every asset there is; nothing else is read, whatever is asked for. */
function sources(): ReadonlyMap<string, URL | string> {
  const all = new Map<string, URL | string>([
    ["uplot.js", fromPackage("uplot/dist/uPlot.esm.js")],
    ["uplot.css", fromPackage("uplot/dist/uPlot.min.css")],
  ]);
  for (const name of readdirSync(here("static"))) all.set(name, here(`static/${name}`));
  const written = fromSources ? ".ts" : ".js";
  for (const name of readdirSync(here("client"))) {
    if (name.endsWith(written) && !name.endsWith(".d.ts"))
      all.set(`${name.slice(0, -written.length)}.js`, here(`client/${name}`));
  }
  return all;
}

/** Answers undefined for a name that no asset has. Read anew each time: a page is loaded now and then. */
export function createAssets(): (name: string) => Promise<Asset | undefined> {
  let known: ReadonlyMap<string, URL | string> | undefined;
  return async (name) => {
    known ??= sources();
    const file = known.get(name);
    return file === undefined ? undefined : load(name, file);
  };
}

async function load(name: string, file: URL | string): Promise<Asset> {
  const text = await readFile(file, "utf8");
  const type = TYPES[extname(name)] ?? "application/octet-stream";
  return { type, text: String(file).endsWith(".ts") ? asScript(text) : text };
}

/** As the compiler does it: types out, and the imports by the names that are served. */
const asScript = (source: string): string =>
  stripTypeScriptTypes(source).replace(/(\bfrom "\.\/[a-z-]+)\.ts"/g, '$1.js"');
