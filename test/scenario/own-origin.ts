import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** An origin that says what one test wants, and remembers what reached it. */
export interface OwnOrigin {
  readonly url: string;
  /** Requests in the order in which they came, health checks excepted. */
  readonly requests: readonly IncomingMessage[];
}

/** Starts a real server; closed when the test has finished. It has no health check: 404 counts as healthy. */
export async function startOrigin(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<OwnOrigin> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/health-check") {
      response.writeHead(404).end();
      return;
    }
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** The field lines without those whose lower-case name is named here. */
export function linesWithout(rawHeaders: readonly string[], ...names: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => !names.includes((rawHeaders[i - (i % 2)] as string).toLowerCase()));
}
