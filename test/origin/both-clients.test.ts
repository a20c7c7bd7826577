import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { OriginError, OriginResponse } from "../../src/cache/ports/origin.ts";
import { createClient } from "../../src/origin/client.ts";
import { AttemptError } from "../../src/origin/failure.ts";
import { ANSWERS, type Answer } from "./answers-of-origins.ts";
import { CLIENT, get, never, readAll } from "./asking.ts";
import { OK, rawServer } from "./raw-server.ts";

/** Everything that a client makes of an origin's answer. */
interface Outcome {
  readonly interim: readonly unknown[];
  readonly head: Omit<OriginResponse, "body" | "trailers" | "origin"> | undefined;
  readonly body: string;
  readonly trailers: readonly string[];
  readonly error:
    | { readonly code: string; readonly progress: string; readonly connectionReused: boolean }
    | undefined;
  /** What was told of a body that broke off. */
  readonly told: readonly string[];
  /** The next request went over the same connection. */
  readonly kept: boolean;
}

/** A few turns of the event loop: what was written is read. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}

/** Asks an origin that answers in these pieces, each of them read before the next, and then for something else. */
async function asked(
  answer: Answer,
  plainLane: boolean,
  cuts: readonly (readonly string[])[],
): Promise<Outcome[]> {
  let pieces: readonly string[] = [];
  const send = async (socket: Socket) => {
    socket.setNoDelay(true);
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await turns();
      socket.write(Buffer.from(piece, "latin1"));
    }
    if (answer.ends === true) socket.end();
  };
  const server = await rawServer(({ socket }, head) => {
    if (head.includes(" /next ")) socket.write(OK);
    else void send(socket);
  });
  const outcomes: Outcome[] = [];
  for (pieces of cuts) {
    const told: OriginError[] = [];
    const client = createClient(server.url, {
      ...CLIENT,
      plainLane,
      connections: 1,
      bodyFailed: (error) => told.push(error),
    });
    const before = server.connections.length;
    const outcome = await outcomeOf(client, answer.method ?? "GET");
    await turns();
    const next = await client.send(get("/next"), never());
    expect([next.status, (await readAll(next.body)).toString()]).toEqual([200, "ok"]);
    await turns();
    expect(client.inFlight).toBe(0);
    const kept = server.connections.length === before + 1;
    outcomes.push({ ...outcome, told: told.map(({ code }) => code), kept });
    await client.close();
  }
  return outcomes;
}

async function outcomeOf(
  client: ReturnType<typeof createClient>,
  method: string,
): Promise<Omit<Outcome, "told" | "kept">> {
  const interim: unknown[] = [];
  const onInterim = (...heard: unknown[]) => void interim.push(heard);
  let head: Outcome["head"];
  let body = "";
  let trailers: readonly string[] = [];
  let error: Outcome["error"];
  try {
    const response = await client.send({ ...get("/"), method, onInterim }, never());
    const { status, statusMessage, fields, closeDelimited } = response;
    head = { status, statusMessage, fields, ...(closeDelimited === undefined ? {} : { closeDelimited }) };
    for await (const chunk of response.body) body += Buffer.from(chunk).toString("latin1");
    trailers = response.trailers?.() ?? [];
  } catch (thrown) {
    if (!(thrown instanceof AttemptError)) throw thrown;
    const { code, facts } = thrown;
    // How far a reader gets in a head that is refused is its own affair, and nothing depends on it.
    const progress = code === "malformed" ? "any" : facts.progress;
    error = { code, progress, connectionReused: facts.connectionReused };
  }
  return { interim, head, body, trailers, error };
}

/** In the words of the table. */
const seen = ({ head, body, error, kept }: Outcome): string =>
  `${[...(head === undefined ? [] : [head.status]), error?.code ?? body].join(" ")}${kept ? ", kept" : ""}`;

/** undici knows the last piece alone of a reason phrase that came in several. */
const withoutPhrase = ({ head, ...outcome }: Outcome) => ({
  ...outcome,
  head: head === undefined ? undefined : { ...head, statusMessage: "" },
});

/** In one piece, byte by byte, and cut in two at each place; those that are very long at some places. */
function cutsOf(bytes: string): (readonly string[])[] {
  if (bytes.length > 1000) return [[bytes], [bytes.slice(0, 900), bytes.slice(900)]];
  const places = Array.from({ length: Math.max(0, bytes.length - 1) }, (_, i) => i + 1);
  return [[bytes], Array.from(bytes), ...places.map((at) => [bytes.slice(0, at), bytes.slice(at)])];
}

describe("of an origin's answer both clients make the same, wherever its bytes are cut:", () => {
  it.each(ANSWERS.map((answer) => [answer.name, answer] as const))("%s", async (_, answer) => {
    const cuts = cutsOf(answer.bytes);
    const [whole, ...others] = await asked(answer, true, cuts);
    expect(seen(whole as Outcome)).toBe(answer.sees);
    // A byte behind an answer that comes later comes to a connection that carries nothing.
    for (const [i, outcome] of others.entries()) expect(outcome, JSON.stringify(cuts[i + 1])).toEqual(whole);
    const [undicis, inBytes] = await asked(answer, false, cuts.slice(0, 2));
    expect(seen(undicis as Outcome)).toBe(answer.undici ?? answer.sees);
    if (answer.undici !== undefined) return;
    expect(undicis).toEqual(whole);
    if (inBytes !== undefined) expect(withoutPhrase(inBytes)).toEqual(withoutPhrase(whole as Outcome));
  });
});
