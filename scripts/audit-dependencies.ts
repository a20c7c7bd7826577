import { spawnSync } from "node:child_process";

/** What `npm audit --json` prints. */
interface Audit {
  readonly vulnerabilities?: Readonly<Record<string, { readonly name: string; readonly severity: string }>>;
  /** In place of all else, where nobody could be asked. */
  readonly message?: string;
}

// Without a network, or with a mirror that knows of no advisories, nobody is kept from working.
const FAST = ["--fetch-retries=0", "--fetch-timeout=10000"];
const { stdout, error } = spawnSync("npm", ["audit", "--json", "--package-lock-only", ...FAST], {
  encoding: "utf8",
});
const { vulnerabilities, message } = JSON.parse(stdout || "{}") as Audit;
if (vulnerabilities === undefined) {
  console.log(`Dependencies were not audited: ${message ?? error?.message}`);
} else {
  const holes = Object.values(vulnerabilities);
  for (const { name, severity } of holes)
    console.error(`${name} has a known hole (${severity}): see npm audit`);
  if (holes.length === 0) console.log("Dependencies have no known holes.");
  else process.exitCode = 1;
}
