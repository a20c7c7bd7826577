import type { Stage } from "../stage.ts";

/** Who is measured. */
export interface Contender {
  readonly name: string;
  /** Why it cannot be measured here; undefined when it can. */
  readonly missing: string | undefined;
  start(stage: Stage): Promise<Server>;
}

export interface Server {
  readonly name: string;
  readonly port: number;
  /** With all below it, it is the server. */
  readonly pid: number;
  /** How it was started, and the files it was given, to be printed. */
  readonly setUp: string;
  stop(): Promise<void>;
}

const PATIENCE_MS = 5000;

/** The servers of a row, which end with it. */
export class Servers {
  readonly #stage: Stage;
  readonly all: Server[] = [];
  /** Who is not there, and why. */
  readonly missing: string[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Starts what can be started, one after the other. */
  async start(...contenders: readonly Contender[]): Promise<readonly Server[]> {
    const started: Server[] = [];
    for (const { name, missing, start } of contenders) {
      try {
        if (missing === undefined) started.push(await start(this.#stage));
        else this.missing.push(`${name}: ${missing}`);
      } catch (error) {
        this.missing.push(`${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    this.all.push(...started);
    return started;
  }

  /** The same for one without which there is no row. */
  async startOne(contender: Contender): Promise<Server> {
    const [server] = await this.start(contender);
    if (server === undefined) throw new Error(this.missing.at(-1));
    return server;
  }

  get setUps(): string[] {
    return this.all.map(({ setUp }) => setUp);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((server) => server.stop()));
  }
}

interface SetUp {
  readonly env?: Readonly<Record<string, string>>;
  /** Written already; for what is printed. */
  readonly files?: Readonly<Record<string, string>>;
  /** By name, those that are in them beside its own and the origin's. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** A process that listens on this port is the server. */
export async function server(
  stage: Stage,
  name: string,
  port: number,
  [command, ...args]: readonly [string, ...string[]],
  { env = {}, files = {}, ports = {} }: SetUp = {},
): Promise<Server> {
  const child = await stage.serve(command, args, port, { env });
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const texts = Object.entries(files).map(([file, text]) => `# ${file}\n${text.trim()}`);
  return {
    name,
    port,
    pid: child.pid ?? 0,
    // Ports are others each time, and nothing else is.
    setUp: Object.entries({ PORT: port, ORIGIN: stage.originPort, ...ports }).reduce(
      (text, [each, number]) => text.replaceAll(String(number), `$${each}`),
      [[...settings, command, ...args].join(" "), ...texts].join("\n"),
    ),
    stop: () => child.stop(PATIENCE_MS),
  };
}
