import { createConnection, createServer, type Socket } from "node:net";

/** What is wrong with a network, for connections of now and new ones alike. */
export interface NetworkFault {
  /** Connections are refused, and those of now reset. */
  readonly refuses?: boolean;
  /** Connections are made, and reset as soon as anything is said. */
  readonly resets?: boolean;
  /** Refuses and is well in turn, each for so many milliseconds. */
  readonly flapsMs?: number;
  /** Nothing is carried, either way, and nobody is told; it all arrives when this ends. */
  readonly hangs?: boolean;
  /** Answers arrive so much later. */
  readonly delayMs?: number;
  /** Answers arrive in pieces of so many bytes, one each millisecond or two. */
  readonly trickleBytes?: number;
  /** Each connection ends after so many bytes of answers. */
  readonly cutsAfterBytes?: number;
  /** What arrives instead of an answer. */
  readonly garbles?: (answer: Buffer) => Buffer;
}

/** A TCP link to a server on this machine; it can be broken in every way in which networks break. */
export interface FaultyLink {
  readonly port: number;
  /** How many connections were made over it. */
  readonly connections: number;
  breakBy(fault: NetworkFault): Promise<void>;
  mend(): Promise<void>;
  /** The connections of now carry nothing ever again, and nobody is told; new ones are well: half-open peers. */
  swallow(): void;
}

/** Opens a link to a port of this machine, until it is disposed of. */
export async function openLink(target: number): Promise<FaultyLink & AsyncDisposable> {
  const sockets = new Set<Socket>();
  let fault: NetworkFault = {};
  let changed = Promise.withResolvers<void>();
  let flapping: NodeJS.Timeout | undefined;

  /** Passes when the time is over, or the fault. */
  const pause = (ms: number): Promise<unknown> => {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    return Promise.race([over, changed.promise]).finally(() => clearTimeout(timer));
  };

  async function ask(bytes: Buffer, to: Socket): Promise<void> {
    while (fault.hangs === true) await changed.promise;
    to.write(bytes);
  }

  async function deliver(bytes: Buffer, to: Socket, dueAt: number): Promise<void> {
    if (dueAt > performance.now()) await pause(dueAt - performance.now());
    while (fault.hangs === true) await changed.promise;
    const { trickleBytes, cutsAfterBytes } = fault;
    if (trickleBytes !== undefined) {
      for (let at = 0; at < bytes.length; at += fault.trickleBytes ?? bytes.length) {
        to.write(bytes.subarray(at, at + (fault.trickleBytes ?? bytes.length)));
        await pause(1);
      }
      return;
    }
    const left = cutsAfterBytes === undefined ? bytes.length : cutsAfterBytes - to.bytesWritten;
    if (left >= bytes.length) to.write(fault.garbles?.(bytes) ?? bytes);
    else to.end(bytes.subarray(0, Math.max(0, left)));
  }

  function carry(from: Socket, to: Socket, answers: boolean): void {
    let last = Promise.resolve();
    sockets.add(from);
    from.on("error", () => undefined);
    from.on("data", (bytes: Buffer) => {
      if (fault.resets === true) {
        from.resetAndDestroy();
        return;
      }
      const dueAt = performance.now() + (fault.delayMs ?? 0);
      last = last.then(() => (answers ? deliver(bytes, to, dueAt) : ask(bytes, to)));
    });
    from.on("close", () => {
      sockets.delete(from);
      void last.then(() => to.destroy());
    });
  }

  let connections = 0;
  const server = createServer((near) => {
    connections++;
    const far = createConnection(target, "127.0.0.1");
    carry(near, far, false);
    carry(far, near, true);
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  const { port } = address;

  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  async function become(next: NetworkFault): Promise<void> {
    fault = next;
    changed.resolve();
    changed = Promise.withResolvers<void>();
    if (next.refuses === true && server.listening) {
      const closed = new Promise((resolve) => server.close(resolve));
      reset();
      await closed;
    }
    if (next.refuses !== true && !server.listening) await listen(port);
    if (next.resets === true) reset();
  }

  /** Changes come one after the other, however they overlap. */
  let changes = Promise.resolve();
  const change = (next: NetworkFault): Promise<void> => {
    changes = changes.then(() => become(next));
    return changes;
  };
  const link: FaultyLink & AsyncDisposable = {
    port,
    get connections() {
      return connections;
    },
    async breakBy(next) {
      clearInterval(flapping);
      await change({ ...next, refuses: next.refuses === true || next.flapsMs !== undefined });
      let refuses = true;
      if (next.flapsMs !== undefined)
        flapping = setInterval(() => {
          refuses = !refuses;
          void change({ refuses });
        }, next.flapsMs);
    },
    mend: () => link.breakBy({}),
    swallow: () => {
      for (const socket of sockets) socket.removeAllListeners("data").resume();
    },
    [Symbol.asyncDispose]: () => link.breakBy({ refuses: true }),
  };
  return link;
}
