import type { Client } from "./client.ts";

/** How often it is looked whether something is under way still. */
const LOOK_MS = 100;

/** Clients that get no new requests: each is closed when what is under way has ended. */
export function createLeaving() {
  const clients = new Set<Client>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const client of clients) {
      if (client.inFlight > 0) continue;
      clients.delete(client);
      void client.close();
    }
    if (clients.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    /** Not closed at once: who has just been given a turn may be about to use it. */
    add(client: Client): void {
      clients.add(client);
      timer ??= setInterval(look, LOOK_MS).unref();
    },
    /** Cuts off what is under way. */
    async close(): Promise<void> {
      clearInterval(timer);
      await Promise.all(Array.from(clients, (client) => client.close()));
      clients.clear();
    },
  };
}
