import { gzipSync } from "node:zlib";
import type { Answer } from "./answer.ts";
import { cacheControl } from "./asked.ts";
import type { Exchange, Serve } from "./exchange.ts";
import { readBody } from "./read-body.ts";

/**
 * Pages that depend on what no cache's key has, and say that they may be cached: what a careless
 * application does, one hole a page. A cache that stores what they say to one visitor says it to all.
 */
interface Page {
  readonly path: string;
  /** The request field by which the hole is reached, in lower case. */
  readonly field: string;
  readonly answer: (exchange: Exchange) => Answer;
}

const CACHED = ["Cache-Control", "max-age=60"];

const page = (body: string, status = 200, fields: readonly string[] = []): Answer => ({
  status,
  fields: ["Content-Type", "text/html; charset=utf-8", ...CACHED, ...fields],
  body: Buffer.from(`<!doctype html><title>Shop</title>${body}\n`),
});

const field = ({ request }: Exchange, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
};

/** As CGI and its heirs see it: whatever is no letter and no digit in a name is one and the same. */
function cgiField({ request }: Exchange, name: string): string | undefined {
  const index = request.rawHeaders.findIndex(
    (raw, i) => i % 2 === 0 && raw !== name && raw.toLowerCase().replace(/[^a-z0-9]/g, "-") === name,
  );
  return index === -1 ? undefined : request.rawHeaders[index + 1];
}

/** A page with a script of the host that the field names. */
const linkedBy =
  (name: string, read = field) =>
  (exchange: Exchange): Answer =>
    page(`<script src="//${read(exchange, name) ?? "shop.example"}/a.js"></script>`);

/** The page that the field names in place of the one that was asked for. */
const routedBy =
  (name: string) =>
  (exchange: Exchange): Answer => {
    const path = field(exchange, name);
    return path === undefined ? page("home") : page(`this is ${path}`);
  };

/** A page with a part that the field asks for, which is no page. */
const partBy =
  (name: string) =>
  (exchange: Exchange): Answer =>
    field(exchange, name) === undefined
      ? page("whole page")
      : { status: 200, fields: ["Content-Type", "application/json", ...CACHED], body: Buffer.from("{}\n") };

const at = (name: string, fieldName: string, answer: Page["answer"]): Page => ({
  path: `/vulnerable/${name}`,
  field: fieldName,
  answer,
});

export const VULNERABLE: readonly Page[] = [
  at("host", "x-host", linkedBy("x-host")),
  at("host-override", "x-http-host-override", linkedBy("x-http-host-override")),
  at("forwarded", "forwarded", (exchange) =>
    page(`<a href="//${/host=([^;,]+)/i.exec(field(exchange, "forwarded") ?? "")?.[1] ?? "shop.example"}">`),
  ),
  at("server", "x-forwarded-server", linkedBy("x-forwarded-server")),
  at("scheme", "x-forwarded-scheme", (exchange) =>
    (field(exchange, "x-forwarded-scheme") ?? "https") === "https"
      ? page("home")
      : page("", 301, ["Location", exchange.request.url ?? "/"]),
  ),
  at("port", "x-forwarded-port", (exchange) =>
    page(`<a href="https://shop.example:${field(exchange, "x-forwarded-port") ?? "443"}/">`),
  ),
  at("prefix", "x-forwarded-prefix", (exchange) =>
    page(`<base href="${field(exchange, "x-forwarded-prefix") ?? ""}/">`),
  ),
  at("original-url", "x-original-url", routedBy("x-original-url")),
  at("rewrite-url", "x-rewrite-url", routedBy("x-rewrite-url")),
  at("method", "x-http-method-override", (exchange) =>
    (field(exchange, "x-http-method-override") ?? "GET") === "GET" ? page("home") : page("no", 405),
  ),
  at("address", "x-real-ip", (exchange) => page(`you are ${field(exchange, "x-real-ip") ?? "a visitor"}`)),
  at("country", "cf-ipcountry", (exchange) => page(`prices for ${field(exchange, "cf-ipcountry") ?? "all"}`)),
  at("underscore", "x_forwarded_host", linkedBy("x-forwarded-host", cgiField)),
  at("fragment", "x-requested-with", partBy("x-requested-with")),
  at("data", "rsc", partBy("rsc")),
  at("error", "x-invoke-status", (exchange) =>
    field(exchange, "x-invoke-status") === undefined ? page("home") : page("something went wrong", 500),
  ),
  at("assembled", "surrogate-capability", (exchange) =>
    page(field(exchange, "surrogate-capability") === undefined ? "cart" : '<esi:include src="/cart"/>'),
  ),
  at("account/x.css", "cookie", (exchange) => page(`account of ${field(exchange, "cookie") ?? "nobody"}`)),
  at("encoded", "accept-encoding", (exchange) => {
    const { status, fields, body } = page("home");
    const zipped = /\bgzip\b/.test(field(exchange, "accept-encoding") ?? "");
    return zipped
      ? { status, fields: [...fields, "Content-Encoding", "gzip"], body: gzipSync(body as Uint8Array) }
      : { status, fields, body: body as Uint8Array };
  }),
  at("shared", "origin", (exchange) => {
    const origin = field(exchange, "origin");
    return page("home", 200, origin === undefined ? [] : ["Access-Control-Allow-Origin", origin]);
  }),
];

/** `/vulnerable/mirror`: says everything that it was asked with, as CGI sees it, and that it may be cached. */
async function mirror({ request, query }: Exchange): Promise<Answer> {
  const lines = [`${request.method} ${request.url}`];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2)
    lines.push(
      `${request.rawHeaders[i]?.toLowerCase().replace(/[^a-z0-9]/g, "-")}: ${request.rawHeaders[i + 1]}`,
    );
  const body = await readBody(request);
  const control = cacheControl(query);
  return {
    status: 200,
    fields: ["Content-Type", query.get("type") ?? "text/html", ...(control.length === 0 ? CACHED : control)],
    body: Buffer.from(`${lines.join("\n")}\n\n${Buffer.from(body).toString("latin1")}`),
  };
}

interface VulnerableRoute {
  readonly serve: Readonly<Record<string, Serve>>;
  readonly about: string;
}

/** By path, for the mock origin's own table. */
export const VULNERABLE_ROUTES: readonly (readonly [path: string, route: VulnerableRoute])[] = [
  [
    "/vulnerable/mirror",
    { serve: { "*": mirror }, about: "any method /vulnerable/mirror[?cache-control=…]" },
  ],
  ...VULNERABLE.map(
    ({ path, field, answer }) =>
      [path, { serve: { GET: answer }, about: `GET ${path} depends on ${field}` }] as const,
  ),
];
