import { onTestFinished } from "vitest";
import { type MockOrigins, startMockOrigins } from "../../mock-origin/start.ts";

/** Two mock origins that share their data; closed when the test has finished. */
export async function startTwo(
  now: () => number = Date.now,
): Promise<{ origins: MockOrigins; one: string; two: string }> {
  const origins = await startMockOrigins({ ports: [0, 0], now });
  onTestFinished(() => origins.close());
  const [one, two] = origins.urls as [string, string];
  return { origins, one, two };
}
