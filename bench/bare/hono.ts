/** Hono with one route that writes to Node's own response, as Freshline's does. */
import { createServer } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { ordered, parts } from "./answer.ts";

const { port, bytes } = ordered();
const { status, lines, body } = parts(bytes);
const app = new Hono<{ Bindings: HttpBindings }>();
app.all("*", (context) => {
  const { outgoing } = context.env;
  outgoing.writeHead(status, lines);
  outgoing.end(body);
  return new Response(null, { headers: { "x-hono-already-sent": "true" } });
});
const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
createServer({ keepAliveTimeout: 600_000 }, (incoming, outgoing) => void listener(incoming, outgoing)).listen(
  port,
  "127.0.0.1",
);
