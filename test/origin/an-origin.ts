import { type Connection, OK, type RawServer, rawServer } from "./raw-server.ts";

const HEALTH = "/health-check";

/** A server of raw bytes with a health check. */
export interface AnOrigin extends RawServer {
  /** What was asked for, health checks left out. */
  readonly asked: string[];
  /** How often its health was asked for. */
  checks: number;
  health: string;
  answer: (connection: Connection, head: string) => void;
}

/** An origin that is healthy and answers everything, until the test says otherwise. */
export async function anOrigin(
  answer: AnOrigin["answer"] = ({ socket }) => socket.write(OK),
  port = 0,
): Promise<AnOrigin> {
  const asked: string[] = [];
  const state = { asked, checks: 0, health: OK, answer };
  const server = await rawServer((connection, head) => {
    const [method, target] = head.split(" ");
    if (target === HEALTH) {
      state.checks++;
      connection.socket.write(state.health);
      return;
    }
    asked.push(`${method} ${target}`);
    state.answer(connection, head);
  }, port);
  return Object.assign(state, server);
}
