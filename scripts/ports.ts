import { createServer } from "node:net";

export type PortState = "free" | "taken" | "forbidden";

/** Can this port be listened on, by every address of this machine and by loopback alone? */
export async function portState(port: number): Promise<PortState> {
  // Loopback too: macOS lets both be bound at once, and then only one of them is heard.
  for (const host of ["::", "0.0.0.0", "127.0.0.1"]) {
    const state = await tryListening(port, host);
    if (state !== "free") return state;
  }
  return "free";
}

const isFree = async (port: number): Promise<boolean> => (await portState(port)) === "free";

function tryListening(port: number, host: string): Promise<PortState> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      // Any other failure, such as a machine without IPv6, says nothing about the port.
      resolve(error.code === "EADDRINUSE" ? "taken" : error.code === "EACCES" ? "forbidden" : "free");
    });
    server.listen({ port, host, exclusive: true, ipv6Only: host === "::" }, () => {
      server.close(() => resolve("free"));
    });
  });
}

/** Any port that is free on loopback now. */
export function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port: 0, host: "127.0.0.1" }, () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === "object") resolve(address.port);
        else reject(new Error("the system gave no port"));
      });
    });
  });
}

const BLOCKS = 50;

/**
 * The first block of ports that is wholly free and none of whose ports is spoken for:
 * the one given, or the same ones 10, 20, … further. Undefined when there is none.
 */
export async function chooseBlock(
  block: readonly number[],
  spokenFor: readonly number[],
  free: (port: number) => Promise<boolean> = isFree,
): Promise<readonly number[] | undefined> {
  for (let step = 0; step < BLOCKS; step += 1) {
    const ports = block.map((port) => port + step * 10);
    if (ports.some((port) => spokenFor.includes(port) || port > 65_535)) continue;
    if ((await Promise.all(ports.map(free))).every(Boolean)) return ports;
  }
  return undefined;
}
