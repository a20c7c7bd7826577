import { get as httpGet, type IncomingMessage, type ServerResponse } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { type Site, startSite } from "./site.ts";

/** A client that reads a stream; its text so far, and a way to leave. */
async function follow(site: Site, path = "/events"): Promise<{ text(): string; leave(): void }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpGet(
      `http://127.0.0.1:${site.proxy.port}${path}`,
      { headers: { Accept: "text/event-stream" }, agent: false },
      resolve,
    );
    request.on("error", reject);
    onTestFinished(() => void request.destroy());
  });
  response.on("error", () => {});
  let text = "";
  response.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { text: () => text, leave: () => void response.destroy() };
}

/** An origin that sends an event when the test says so. */
async function startEvents(fields: Record<string, string> = {}) {
  const streams: ServerResponse[] = [];
  const origin = await startOrigin((_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream", ...fields });
    response.flushHeaders();
    streams.push(response);
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  return { site, origin, streams };
}

it("every event arrives when it is sent, the head before the first", async () => {
  const { site, streams } = await startEvents();
  const client = await follow(site);
  expect(client.text()).toBe("");
  for (let i = 1; i <= 3; i++) {
    streams[0]?.write(`data: ${i}\n\n`);
    // The origin goes on only when this one has arrived: nothing may wait for more.
    await site.until(`event ${i} has arrived`, () => client.text().endsWith(`data: ${i}\n\n`));
  }
});

it("a stream is never stored nor shared, whatever it says of itself", async () => {
  const { site, origin, streams } = await startEvents({ "Cache-Control": "public, max-age=60" });
  const clients = await Promise.all([follow(site), follow(site), follow(site)]);
  expect(origin.requests).toHaveLength(3);
  streams.forEach((stream, i) => void stream.write(`data: for ${i}\n\n`));
  await site.until("each has its own", () => clients.every((client) => client.text() !== ""));
  expect(clients.map((client) => client.text()).sort()).toEqual([
    "data: for 0\n\n",
    "data: for 1\n\n",
    "data: for 2\n\n",
  ]);
  for (const stream of streams) stream.end();
  await follow(site);
  expect(origin.requests).toHaveLength(4);
});

it("a client that leaves a silent stream is noticed at the origin", async () => {
  const { site, streams } = await startEvents();
  const client = await follow(site);
  let closed = false;
  streams[0]?.once("close", () => {
    closed = true;
  });
  client.leave();
  await site.until("the origin's stream is closed", () => closed);
  await site.until("it is told as aborted", () =>
    site.events.some((event) => event.type === "answered" && event.aborted),
  );
});

it("a stream that ends is a stream that ended", async () => {
  const site = await startSite();
  const answer = await site.get("/events?n=3&every_ms=10");
  expect(answer.header("cache-status")).toContain("detail=event-stream");
  expect(answer.text.match(/^data: /gm)).toHaveLength(3);
});
