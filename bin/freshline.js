#!/usr/bin/env node
// Runs on any Node that knows modules, to say which one Freshline needs before newer syntax is read.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const newEnough = major > 24 || (major === 24 && minor >= 9) || (major === 22 && minor >= 21);

/** @param {string} sentence @returns {never} */
function refuse(sentence) {
  process.stderr.write(`freshline: ${sentence}\n`);
  process.exit(1);
}

async function runHere() {
  const { existsSync } = await import("node:fs");
  const cli = new URL("../dist/src/cli.js", import.meta.url);
  if (!existsSync(cli)) refuse("it is not built yet; run `make build` first.");
  await import(cli.href);
}

async function runOnBroughtNode() {
  const { spawn } = await import("node:child_process");
  const { existsSync } = await import("node:fs");
  const { fileURLToPath } = await import("node:url");
  const node = fileURLToPath(new URL("../tools/runtime/node_modules/.bin/node", import.meta.url));
  if (!existsSync(node)) {
    refuse(
      `Node 22.21, 24.9 or newer is needed, and this is ${process.version}; ` +
        "`make build` brings one into tools/runtime.",
    );
  }
  const self = fileURLToPath(import.meta.url);
  // As scripts/node-args.ts.
  const child = spawn(node, ["--max-semi-space-size=8", self, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { MALLOC_ARENA_MAX: "2", ...process.env },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) {
    process.on(signal, () => {
      // A terminal's Ctrl-C has reached the child already: it is in the same process group.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => refuse(`the Node in tools/runtime does not start: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

(newEnough ? runHere() : runOnBroughtNode()).catch((error) => {
  process.stderr.write(`freshline: ${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
