import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configFor } from "../config-for.ts";
import { freePort } from "../free-port.ts";
import { startRedis, startSentinel } from "../redis-server.ts";
import { startSite } from "../scenario/site.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";

const folder = mkdtempSync(join(tmpdir(), "freshline-tls-"));
const file = (name: string) => join(folder, name);

/** A key, and a certificate for this machine: its own authority's, or signed by another one. */
function certify(name: string, ...signed: string[]): void {
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    file(`${name}.key`),
  ];
  const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync(
    "openssl",
    ["req", "-x509", ...key, ...names, "-days", "2", "-out", file(`${name}.pem`), ...signed],
    {
      stdio: "pipe",
    },
  );
}
beforeAll(() => {
  certify("authority");
  certify("stranger");
  certify("server", "-CA", file("authority.pem"), "-CAkey", file("authority.key"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const TLS = {
  "tls-cert-file": file("server.pem"),
  "tls-key-file": file("server.key"),
  "tls-ca-cert-file": file("authority.pem"),
  "tls-auth-clients": "no",
};

/** A server that listens for TLS too, and knows a user who may do no more than the proxy needs. */
async function startTls(settings: Readonly<Record<string, string>> = {}) {
  const tlsPort = await freePort();
  const all = Object.entries({ "tls-port": `${tlsPort}`, ...TLS, ...settings });
  const redis = await keep(startRedis(all.flatMap(([name, value]) => [`--${name}`, value])));
  const rights = ["~team:*", "&team:*", "&__redis__:invalidate", "+@all", "-@admin", "-@dangerous", "+info"];
  await redis.command("ACL", "SETUSER", "cache", "on", ">p@ss/word", ...rights);
  return { redis, tlsPort, at: `cache:p%40ss%2Fword@127.0.0.1:${tlsPort}` };
}

const connectTrusting = (url: string, ca?: string) =>
  connect(url, ca === undefined ? {} : { ca: readFileSync(file(ca), "latin1") });

describe("a Redis behind TLS", () => {
  it("keeps the cache: own authority, user and password, database, namespace", async () => {
    const { redis, at } = await startTls();
    const site = await startSite({
      redisUrl: `rediss://${at}/2`,
      settings: { REDIS_CA: file("authority.pem"), CACHE_NAMESPACE: "team", CACHE_MEMORY_BYTES: "0" },
    });
    await site.until("Redis is attached", () => site.proxy.redisAttached());
    const path = "/data?id=1&cache-control=max-age=60";
    expect((await site.get(path)).cache).toBe("MISS/MISS");
    await site.until("it is kept", async () => (await site.get(path)).cache === "HIT/HIT");
    expect((await site.admin(`/cache${path}`, { method: "DELETE" })).status).toBe(200);
    expect((await site.get(path)).cache).toBe("MISS/MISS");
    expect(site.events.filter(({ type }) => type === "store-failed")).toEqual([]);
    expect(await redis.command("DBSIZE")).toBe(0);
    await redis.command("SELECT", 2);
    const keys = (await redis.command("KEYS", "*")) as string[];
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.filter((key) => !key.startsWith("team:"))).toEqual([]);
    await redis.command("SELECT", 0);
  });

  it("is read into memory that is used again, as one without TLS is", async () => {
    const { redis, at } = await startTls();
    const body = "b".repeat(100_000);
    await redis.command("HSET", "team:x", "meta", "m", "body", body);
    const { connection } = connectTrusting(`rediss://${at}`, "authority.pem");
    await until("it is connected", () => connection.up());
    const { values, giveBack } = await connection.fields("team:x", ["meta", "body"]);
    expect(values.map(String)).toEqual(["m", body]);
    expect(giveBack).toBeTypeOf("function");
  });

  it.each([
    ["another authority", "stranger.pem"],
    ["no authority of one's own", undefined],
  ])("is not trusted with %s, and that is told", async (_, ca) => {
    const { at } = await startTls();
    const { connection, states } = connectTrusting(`rediss://${at}`, ca);
    await until("it is told", () => states().length > 0);
    expect(states()[0]!.up).toBe(false);
    expect(states()[0]!.detail).toMatch(
      /^the certificate of Redis is not trusted: .*\(rediss:\/\/\*\*\*@127/,
    );
    await expect(connection.run((client) => client.ping())).rejects.toMatchObject({ code: "unavailable" });
  });

  it("is not trusted under another name than its certificate's", async () => {
    const { at } = await startTls();
    const { states } = connectTrusting(`rediss://${at.replace("127.0.0.1", "127.0.0.2")}`, "authority.pem");
    await until("it is told", () => states().length > 0);
    // On machines where 127.0.0.2 is nobody's the connection is refused before that.
    expect(states()[0]!.detail).toMatch(/is not trusted: .*altnames|ECONNREFUSED|ETIMEDOUT/);
  });

  it("may be a Cluster", async () => {
    const { redis, at } = await startTls({
      "cluster-enabled": "yes",
      "cluster-port": `${await freePort()}`,
      "tls-cluster": "yes",
    });
    await redis.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383);
    const { connection } = connectTrusting(`rediss-cluster://${at}`, "authority.pem");
    await until("it answers", () => connection.up());
    const commands = (client: { acl(whoami: "WHOAMI"): Promise<string> }) => client.acl("WHOAMI");
    await redis.command("ACL", "SETUSER", "cache", "+acl|whoami");
    expect(await connection.run(commands, "team:a")).toBe("cache");
  });

  it("may be a master that Sentinels behind TLS name", async () => {
    const { redis, tlsPort } = await startTls();
    await redis.command("CONFIG", "SET", "requirepass", "");
    const sentinelPort = await freePort();
    const lines = Object.entries({ ...TLS, "tls-port": sentinelPort, "tls-replication": "yes" });
    await keep(
      startSentinel([
        ...lines.map(([name, value]) => `${name} ${value}`),
        `sentinel monitor mymaster 127.0.0.1 ${tlsPort} 1`,
      ]),
    );
    const { connection } = connectTrusting(
      `rediss-sentinel://127.0.0.1:${sentinelPort}?master=mymaster`,
      "authority.pem",
    );
    await until("it answers", () => connection.up());
    expect(await connection.run((client) => client.ping())).toBe("PONG");
  });
});

describe("REDIS_CA", () => {
  it("is checked before anything starts", () => {
    expect(() => configFor({ REDIS_CA: file("absent.pem") })).toThrow(
      /^REDIS_CA: .*cannot be read \(ENOENT\); expected the path/,
    );
    expect(() => configFor({ REDIS_CA: folder })).toThrow(/is not a file/);
    expect(() => configFor({ REDIS_CA: file("server.key") })).toThrow(/holds no certificate/);
    expect(configFor({ ORIGINS: "http://a", REDIS_CA: file("authority.pem") }).REDIS_CA).toContain(
      "BEGIN CERTIFICATE",
    );
  });

  it("without TLS to check is refused, and the password is not in the sentence", () => {
    const settings = { ORIGINS: "http://a", REDIS_CA: file("authority.pem") };
    const refused =
      /^REDIS_CA: is set while REDIS_URL does not ask for TLS, .*; expected rediss:\/\/… in REDIS_URL, or no REDIS_CA$/;
    for (const REDIS_URL of ["redis://:secret@r", "redis-cluster://r:1,s:2", "REDIS-SENTINEL://s?master=m"])
      expect(() => configFor({ ...settings, REDIS_URL })).toThrow(refused);
    for (const REDIS_URL of ["rediss://r", "REDISS-cluster://r:1,s:2", "rediss-sentinel://s?master=m", ""])
      expect(configFor({ ...settings, REDIS_URL }).REDIS_CA).toBeDefined();
  });
});
