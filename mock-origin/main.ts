import { parseArgs } from "node:util";
import { startMockOrigins } from "./start.ts";

const USAGE = `usage: mock-origin [--ports 4001,4002,4003] [--host 127.0.0.1]
environment: MOCK_ORIGIN_PORTS, MOCK_ORIGIN_HOST`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { ports: { type: "string" }, host: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const ports = parsePorts(values.ports ?? process.env["MOCK_ORIGIN_PORTS"] ?? "4001,4002,4003");
  const host = values.host ?? process.env["MOCK_ORIGIN_HOST"] ?? "127.0.0.1";
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const origins = await startMockOrigins({ ports, host });
  console.log(`mock origins on ${origins.urls.join(", ")}`);
  await stopped;
  await origins.close();
}

function parsePorts(list: string): number[] {
  return list.split(",").map((text) => {
    const port = /^\s*\d{1,5}\s*$/.test(text) ? Number(text) : Number.NaN;
    if (port <= 65535) return port;
    throw new Error(
      `expected ports to be numbers from 0 to 65535 with commas between, got ${JSON.stringify(list)}`,
    );
  });
}

try {
  await main();
} catch (cause) {
  console.error(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}
