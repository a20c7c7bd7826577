import { createConnection, createServer, type Socket } from "node:net";

/** A TCP link to a server on this machine that can misbehave as networks do. */
export interface Link {
  readonly port: number;
  /** How many connections were made over it. */
  readonly connections: number;
  /** From now on the connections of now carry nothing, and nobody is told: a half-open peer. */
  swallow(): void;
  /** Breaks all connections, and every new one until `mend`. */
  cut(): void;
  mend(): void;
  close(): void;
}

export async function openLink(target: number): Promise<Link> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let broken = false;
  const server = createServer((near) => {
    if (broken) {
      near.destroy();
      return;
    }
    connections++;
    const far = createConnection(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  const cut = () => {
    broken = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    swallow: () => {
      for (const socket of sockets) socket.removeAllListeners("data").resume();
    },
    cut,
    mend: () => {
      broken = false;
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
