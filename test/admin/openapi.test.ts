import { type Schema as JsonSchema, Validator } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import { OPERATIONS } from "../../src/admin/openapi-paths.ts";
import { type Answer, type Site, startSite } from "../scenario/site.ts";
import { anApi, aSteering } from "./an-api.ts";

interface Described {
  readonly openapi: string;
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly responses: Readonly<
              Record<string, { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> }>
            >;
          }
        >
      >
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

const described = async (): Promise<Described> =>
  (await (await anApi().app.request("/openapi.json")).json()) as Described;

const PLAYGROUND = { proxy: "http://localhost:1", mock: "http://localhost:1" };

/** `GET /cache/*`, of routes and of the description alike. */
const routesOf = (playground: boolean): string[] => {
  const { app } = anApi(playground ? { playground: PLAYGROUND } : {});
  return app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
};
const asRoute = (path: string, method: string): string =>
  `${method.toUpperCase()} ${path.replace(/\{\w+\}$/, "*")}`;

describe("GET /openapi.json", () => {
  it("describes every route, and none that there is not", async () => {
    const { openapi, paths } = await described();
    expect(openapi).toBe("3.1.0");
    const said = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => asRoute(path, method)),
    );
    expect(said.toSorted()).toEqual([...new Set(routesOf(true))].toSorted());
    // What is there only beside mock origins says so.
    const extra = routesOf(true).filter((route) => !routesOf(false).includes(route));
    expect(extra.every((route) => route.includes("/playground"))).toBe(true);
  });

  it("names each operation once, and refers to nothing that it does not hold", async () => {
    const whole = await described();
    const ids = Object.values(whole.paths).flatMap((operations) =>
      Object.values(operations).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("getRoot");
    expect(ids).toContain("deleteCacheTarget");
    const refs = [...JSON.stringify(whole).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(refs.length).toBeGreaterThan(20);
    for (const [, name = ""] of refs) expect(whole.components.schemas).toHaveProperty(name);
  });

  it("knows of every route that GET / lists, and the other way round", async () => {
    const text = await (await anApi().app.request("/")).text();
    const listed = [...text.matchAll(/\b(GET|POST|DELETE) +(\/[^ ?<:;]*)/g)].map(
      ([, method, path]) => `${method} ${path === "/cache/" ? "/cache/*" : path}`,
    );
    const said = Object.entries(OPERATIONS)
      .flatMap(([path, operations]) => Object.keys(operations).map((method) => asRoute(path, method)))
      .filter((route) => !/ \/(?:dashboard|playground)/.test(route));
    expect(listed.toSorted()).toEqual(said.toSorted());
  });
});

/** A schema that takes no member that it does not name. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, strict(value)]));
  return "properties" in inner && !("additionalProperties" in inner)
    ? { ...inner, additionalProperties: false }
    : inner;
}

/** What is wrong with an answer, by the description of its route. */
async function complaintsOn(path: string, method: string, answer: Answer): Promise<string[]> {
  const { paths, components } = await described();
  const operation = paths[path]?.[method];
  const type = answer.header("content-type")?.replace(/;.*/, "") ?? "";
  const of = operation?.responses[String(answer.status)] ?? operation?.responses["default"];
  const schema = of?.content[type]?.schema;
  if (schema === undefined) return [`${method} ${path}: ${answer.status} ${type} is not described`];
  const value = type.endsWith("json") ? JSON.parse(answer.text) : answer.text;
  const whole = strict({ ...schema, components }) as JsonSchema;
  const { errors } = new Validator(whole, "2020-12", false).validate(value);
  return errors.map(({ instanceLocation, error }) => `${method} ${path}: ${instanceLocation} ${error}`);
}

/** A site with something of everything to tell. */
async function busySite(): Promise<Site> {
  const site = await startSite();
  const path = "/data?id=1&cache-control=max-age=60,stale-while-revalidate=5";
  await site.get(path, { "Accept-Encoding": "gzip" });
  await site.get(path);
  await site.get("/data?id=2&cache-control=no-store");
  await site.ask("/echo", { method: "POST", body: "x" });
  const counted = async () => (await site.admin("/stats")).json<{ requests: number }>().requests === 4;
  await site.until("4 requests are counted", counted);
  return site;
}

describe("what is answered", () => {
  it("is what is described, of every route", async () => {
    const site = await busySite();
    const [origin = ""] = site.mock.urls;
    const second = origin.replace("127.0.0.1", "localhost");
    const url = `http://127.0.0.1:${site.proxy.port}/data?id=1&cache-control=max-age=60,stale-while-revalidate=5`;
    const explain = `/explain?url=${encodeURIComponent(url)}`;
    const post = (json: object) => ({ method: "POST", body: JSON.stringify(json) });
    const asked: [path: string, target: string, how?: Parameters<Site["admin"]>[1]][] = [
      ["/", "/"],
      ["/dashboard/{file}", "/dashboard/layout.css"],
      ["/openapi.json", "/openapi.json"],
      ["/problems", "/problems"],
      ["/health/live", "/health/live"],
      ["/health/ready", "/health/ready"],
      ["/stats", "/stats"],
      ["/metrics", "/metrics"],
      ["/metrics", "/metrics", { headers: { Accept: "application/openmetrics-text" } }],
      ["/origins", "/origins"],
      ["/settings", "/settings"],
      ["/reasons", "/reasons"],
      ["/top", "/top?k=3"],
      ["/hist", "/hist"],
      ["/series", "/series?minutes=1"],
      ["/entries", "/entries?match=data&limit=1"],
      ["/store", "/store"],
      ["/explain", `${explain}&body=1&fetch=1`],
      ["/explain", "/explain?url=/never"],
      ["/warm", "/warm", post({ urls: ["/data?id=3&cache-control=max-age=5", "/none"] })],
      ["/purge", "/purge", post({ targets: [{ tag: "t" }, { prefix: "/data" }], mode: "invalidate" })],
      ["/explain", explain],
      ["/cache/{target}", "/cache/data?id=1", { method: "DELETE" }],
      ["/origins", "/origins", post({ origin: second })],
      ["/origins/drain", "/origins/drain", post({ origin: second })],
      ["/origins", `/origins?origin=${second}`, { method: "DELETE" }],
      ["/origins", `/origins?origin=${origin}`, { method: "DELETE" }],
      ["/restart", "/restart", { method: "POST" }],
      ["/reload", "/reload", { method: "POST" }],
    ];
    const refused: string[] = [];
    for (const [path, target, how] of asked) {
      const method = (how?.method ?? "GET").toLowerCase();
      const answer = await site.admin(target, how);
      expect(await complaintsOn(path, method, answer), target).toEqual([]);
      if (answer.status !== 200) refused.push(`${answer.status} ${method} ${target}`);
    }
    expect(refused).toEqual([`409 delete /origins?origin=${origin}`, "409 post /restart"]);
    const seen = new Set(asked.map(([path, , how]) => `${(how?.method ?? "GET").toLowerCase()} ${path}`));
    const unseen = Object.entries(OPERATIONS)
      .flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method} ${path}`))
      .filter((route) => !seen.has(route) && !route.includes("/playground"));
    // Its answer has no end: below.
    expect(unseen).toEqual(["get /events"]);
  });

  it("is what is described, of errors", async () => {
    const site = await startSite({ settings: { ADMIN_TOKEN: "a-token-long-enough" } });
    const bearer = { Authorization: "Bearer a-token-long-enough" };
    const refused: [path: string, method: string, answer: Answer, status: number][] = [
      ["/stats", "get", await site.admin("/stats"), 401],
      ["/top", "get", await site.admin("/top?k=0", { headers: bearer }), 400],
      ["/purge", "post", await site.admin("/purge", { method: "POST", body: "{", headers: bearer }), 400],
      ["/restart", "post", await site.admin("/restart", { method: "POST", headers: bearer }), 409],
    ];
    for (const [path, method, answer, status] of refused) {
      expect(answer.status).toBe(status);
      expect(await complaintsOn(path, method, answer)).toEqual([]);
    }
  });

  it("is what is described, of what no such site says", async () => {
    const changes = [{ name: "CACHE_KEEP", from: "10m", to: "1h", effect: "applied" as const }];
    const { app } = anApi({
      ready: () => ({ ready: false, detail: "draining" }),
      steering: aSteering({ reload: async () => ({ result: "reloaded", changes, emptied: [] }) }),
      restart: async () => 2,
    });
    for (const [path, method, status] of [
      ["/health/ready", "get", 503],
      ["/reload", "post", 200],
      ["/settings", "get", 200],
      ["/restart", "post", 200],
    ] as const) {
      const response = await app.request(path, { method: method.toUpperCase() });
      const text = await response.text();
      const header = (name: string) => response.headers.get(name);
      expect(response.status, path).toBe(status);
      expect(await complaintsOn(path, method, { status, text, header } as unknown as Answer)).toEqual([]);
    }
  });

  it("is what is described, of one answer that is watched", async () => {
    const site = await startSite();
    const stream = await fetch(`http://127.0.0.1:${site.proxy.adminPort}/events`);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    await site.get("/data?id=1");
    while (!heard.includes("event: answered\n")) heard += (await reader?.read())?.value;
    await reader?.cancel();
    const { components } = await described();
    const schema = strict({ ...components.schemas["Answered"], components }) as JsonSchema;
    const data = /^data: (.*)$/m.exec(heard)?.[1] ?? "";
    expect(new Validator(schema, "2020-12", false).validate(JSON.parse(data)).errors).toEqual([]);
  });
});
