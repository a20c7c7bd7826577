import type { HttpBindings } from "@hono/node-server";

/** What Hono's context carries: Node's own request when there is one, and the id of this request. */
export interface AdminEnv {
  Bindings: Partial<HttpBindings>;
  Variables: { requestId: string };
}
