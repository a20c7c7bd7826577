import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Setting } from "../src/config/setting.ts";
import { flagsOf, GROUPS, type SettingName } from "../src/config/settings.ts";

/** A `|` would end the cell, also within backquotes. */
const cell = (text: string): string => text.replaceAll("|", "\\|");
const code = (text: string): string => (text === "" ? "" : `\`${cell(text)}\``);

/** The settings as a Markdown table, one heading row a group. */
export function settingsTable(): string {
  const lines = ["| setting | as | default | reload | meaning |", "|---|---|---|---|---|"];
  for (const [title, settings] of GROUPS) {
    lines.push(`| **${title}** | | | | |`);
    for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
      const aliases = flagsOf(name as SettingName).slice(0, setting.aliases.length);
      const also = aliases.map((flag) => ` (also ${code(`--${flag}`)})`).join("");
      lines.push(
        `| ${code(name)}${also} | ${cell(setting.kind.name)} | ${code(setting.default)} | ${setting.restart ? "" : "yes"} | ${cell(setting.meaning)} |`,
      );
    }
  }
  return lines.join("\n");
}

/** The document with the table between the markers of this name replaced. Throws when they are not there once each, in order. */
export function withTable(document: string, table: string, name = "settings"): string {
  const [first, last] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const begin = document.indexOf(first);
  const end = document.indexOf(last);
  const once = begin === document.lastIndexOf(first) && end === document.lastIndexOf(last);
  if (begin === -1 || end < begin || !once) {
    throw new Error(`expected ${first} and ${last}, once each and in this order`);
  }
  return `${document.slice(0, begin + first.length)}\n${table}\n${document.slice(end)}`;
}

/** `settings-table.ts [--check | --print] [README.md]` rewrites the table, only checks it, or prints it. */
function run(argv: readonly string[]): number {
  if (argv.includes("--print")) {
    console.log(settingsTable());
    return 0;
  }
  const path = argv.find((word) => !word.startsWith("--")) ?? "README.md";
  const document = readFileSync(path, "utf8");
  const updated = withTable(document, settingsTable());
  if (updated === document) return 0;
  if (argv.includes("--check")) {
    console.error(
      `${path}: the settings table is not that of src/config/settings.ts; run scripts/settings-table.ts`,
    );
    return 1;
  }
  writeFileSync(path, updated);
  return 0;
}

const started = process.argv[1];
if (started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url)) {
  process.exitCode = run(process.argv.slice(2));
}
