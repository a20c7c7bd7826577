import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const SRC = join(ROOT, "src");

interface Import {
  readonly from: string;
  readonly to: string;
  /** Erased at run time. */
  readonly typeOnly: boolean;
  /** `import()`, which loads it only when it is reached. */
  readonly dynamic: boolean;
}

/** Which files of ours, by folder or name, may each folder import? `/` ends a folder, `!types` allows types alone. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "policy/": ["policy/"],
  "cache/": ["policy/", "cache/"],
  "store/": ["policy/", "cache/ports/", "cache/leases.ts", "cache/arrivals.ts", "cache/events.ts", "store/"],
  "origin/": ["policy/", "cache/ports/", "cache/events.ts", "cache/cut.ts", "origin/"],
  "observe/": ["policy/", "cache/ports/", "cache/events.ts", "admin/answers.ts!types", "observe/"],
  "admin/": ["policy/", "cache/ports/", "cache/events.ts", "admin/"],
  "server/": [
    "policy/",
    "cache/ports/",
    "cache/events.ts",
    // What a request and an answer are, and how an error of ours looks.
    "cache/exchange.ts",
    "cache/cut.ts",
    "cache/respond.ts",
    "cache/handle.ts!types",
    "cache/hit.ts!types",
    "server/",
  ],
  "config/": ["config/", "config.ts!types"],
  "config.ts": ["config/"],
  "cli/": ["cli/", "config/", "config.ts", "policy/unkeyed.ts", "admin/answers.ts!types"],
  "cli.ts": ["cli/", "config/", "config.ts", "main.ts"],
  "start/": [""],
  "start.ts": [""],
  "main.ts": [""],
  "worker.ts": [""],
  "workers/": ["policy/", "cache/ports/", "origin/health.ts!types", "workers/"],
};

/** Which packages may each folder import? Node's own modules go by their prefix. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  "policy/": ["structured-headers"],
  "cache/": [],
  "store/": ["ioredis", "node:"],
  "origin/": ["undici", "node:"],
  "observe/": ["pino", "pino-pretty", "prom-client", "node:"],
  "admin/": ["hono", "@hono/node-server", "uplot", "node:"],
  "server/": ["hono", "@hono/node-server", "node:"],
  "config/": ["node:"],
  "config.ts": ["dotenv", "node:"],
  "cli/": ["node:"],
  "cli.ts": ["node:"],
  "start/": ["node:"],
  "start.ts": ["node:"],
  "main.ts": ["node:"],
  "worker.ts": ["node:"],
  "workers/": ["node:"],
};

const filesBelow = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return name.endsWith(".ts") ? [path] : [];
  });

const IMPORT =
  /(?:^|\n)\s*(import|export)\s(type\s)?([^;]*?)\sfrom\s"([^"]+)"|\bimport\("([^"]+)"\)|(?:^|\n)import\s"([^"]+)"/g;

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(IMPORT)].map(([, , type, names, from, dynamic, bare]) => {
    const to = from ?? dynamic ?? bare ?? "";
    const members = names?.match(/\{([\s\S]*)\}/)?.[1]?.split(",") ?? [];
    const everyMemberIsType = members.length > 0 && members.every((name) => /^\s*(type\s|$)/.test(name));
    return {
      from: file,
      to,
      typeOnly: type !== undefined || everyMemberIsType,
      dynamic: dynamic !== undefined,
    };
  });
}

const ruleFor = (
  file: string,
  rules: Readonly<Record<string, readonly string[]>>,
): readonly string[] | undefined => rules[file] ?? rules[`${file.split("/")[0]}/`];

const files = filesBelow(SRC);
const imports = files.flatMap(importsOf);
const name = (path: string) => relative(SRC, path);

describe("who may import whom", () => {
  it("has a rule for every file", () => {
    const without = files.map(name).filter((file) => ruleFor(file, MAY_IMPORT) === undefined);
    expect(without).toEqual([]);
  });

  it("keeps each folder to the files it may import", () => {
    const breaches = imports
      .filter(({ to }) => to.startsWith("."))
      .filter(({ from, to, typeOnly }) => {
        const target = name(resolve(dirname(from), to));
        const allowed = ruleFor(name(from), MAY_IMPORT) ?? [];
        return !allowed.some((rule) => {
          const [path = "", typesOnly] = rule.split("!");
          if (typesOnly !== undefined && !typeOnly) return false;
          return path === target || path === "" || (path.endsWith("/") && target.startsWith(path));
        });
      })
      .map(({ from, to }) => `${name(from)} imports ${to}`);
    expect(breaches).toEqual([]);
  });

  it("keeps each package to the folder it belongs to", () => {
    const breaches = imports
      .filter(({ to }) => !to.startsWith("."))
      .filter(({ from, to }) => {
        const allowed = ruleFor(name(from), MAY_USE) ?? [];
        return !allowed.some((rule) => to === rule || to.startsWith(rule.endsWith(":") ? rule : `${rule}/`));
      })
      .map(({ from, to }) => `${name(from)} imports ${to}`);
    expect(breaches).toEqual([]);
  });

  it("lets policy read no clock and know no Buffer", () => {
    const impure = filesBelow(join(SRC, "policy")).filter((file) =>
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bBuffer\b|\bprocess\b|\bsetTimeout\b/.test(
        readFileSync(file, "utf8").replace(/\/\*\*[\s\S]*?\*\/|\/\/.*/g, ""),
      ),
    );
    expect(impure.map(name)).toEqual([]);
  });

  it("has no circle, types included", () => {
    const graph = new Map<string, string[]>(files.map((file) => [file, []]));
    for (const { from, to } of imports)
      if (to.startsWith(".")) graph.get(from)?.push(resolve(dirname(from), to));
    expect(circleIn(graph)?.map(name)).toBeUndefined();
  });

  it("has one switch that acts on a decision; others may only make another decision of it", () => {
    const switching = files.filter((file) => /switch \(decision\.type\)/.test(readFileSync(file, "utf8")));
    expect(switching.map(name).filter((file) => !file.startsWith("policy/"))).toEqual(["cache/handle.ts"]);
  });

  it("loads nothing that sends traces until they are wanted", () => {
    const loaded = new Set(["main.ts", "worker.ts", "start/primary.ts"].map((root) => join(SRC, root)));
    for (const file of loaded)
      for (const { from, to, typeOnly, dynamic } of imports)
        if (from === file && to.startsWith(".") && !typeOnly && !dynamic)
          loaded.add(resolve(dirname(file), to));
    const names = [...loaded].map(name);
    expect(names).toContain("start/proxied.ts");
    const tracing = ["start/tracing.ts", "observe/tracer.ts", "observe/traced.ts", "observe/otlp.ts"];
    for (const file of tracing) expect(files.map(name)).toContain(file);
    expect(names.filter((file) => tracing.includes(file))).toEqual([]);
  });

  it("keeps the mock origin apart from the proxy", () => {
    const outside = filesBelow(join(ROOT, "mock-origin"))
      .flatMap(importsOf)
      .filter(({ to }) => to.startsWith("..") || !(to.startsWith("./") || to.startsWith("node:")));
    expect(outside).toEqual([]);
  });
});

function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
