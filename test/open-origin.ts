import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An origin that says what one test wants, and remembers what reached it. */
export interface OpenOrigin {
  readonly url: string;
  /** Requests in the order in which they came, health checks excepted. */
  readonly requests: readonly IncomingMessage[];
  /** Ends it at once, whatever is under way. */
  close(): Promise<void>;
}

/** Starts a real server, without a test runner. It has no health check: 404 counts as healthy. */
export async function openOrigin(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<OpenOrigin> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/health-check") {
      response.writeHead(404).end();
      return;
    }
    requests.push(request);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
