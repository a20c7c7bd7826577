import type { Context, Hono } from "hono";
import type { AdminEnv } from "../env.ts";
import { createAssets } from "./assets.ts";

/** Nothing but what this listener serves. Styles are set by script through the object model, which needs no exception. */
const SECURITY = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/**
 * The dashboard: GET / for browsers, and what its page is made of under /dashboard/.
 *
 * These routes come before access control, since a browser knows no token when it asks for a page,
 * and none of them tells anything about this proxy: the page asks the API, with the token.
 */
export function addDashboard(app: Hono<AdminEnv>): void {
  const asset = createAssets();
  const send = async (c: Context<AdminEnv>, name: string) => {
    const found = await asset(name);
    return found === undefined
      ? undefined
      : c.body(found.text, 200, { ...SECURITY, "Content-Type": found.type });
  };

  app.get("/", async (c, next) => {
    c.header("Vary", "Accept");
    if (!wantsPage(c.req.header("accept"))) return next();
    return (await send(c, "index.html")) ?? next();
  });
  app.get(
    "/dashboard/*",
    async (c, next) => (await send(c, c.req.path.slice("/dashboard/".length))) ?? next(),
  );
}

/** A browser names text/html itself; curl's Accept is any type, for which there is the list of routes. */
const wantsPage = (accept: string | undefined): boolean => /(?:^|,)\s*text\/html\b/i.test(accept ?? "");
