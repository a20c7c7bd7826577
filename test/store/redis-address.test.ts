import { describe, expect, it } from "vitest";
import { addressOf, maskPassword, serverName } from "../../src/store/redis-address.ts";

const single = (host: string, port: number, db: number, rest: object = {}) => ({
  topology: "single",
  server: { host, port },
  db,
  tls: false,
  ...rest,
});

describe("a Redis URL", () => {
  it.each([
    ["redis://h", single("h", 6379, 0)],
    ["redis://h:1234/5", single("h", 1234, 5)],
    ["redis://:p%40ss@h/", single("h", 6379, 0, { password: "p@ss" })],
    ["redis://u:p@ss@h", single("h", 6379, 0, { username: "u", password: "p@ss" })],
    ["redis://u:p@[::1]:1", single("::1", 1, 0, { username: "u", password: "p" })],
    ["rediss://h", single("h", 6379, 0, { tls: true })],
    [
      "redis-cluster://u:p@a:7000,b,[::1]:7002",
      {
        topology: "cluster",
        seeds: [
          { host: "a", port: 7000 },
          { host: "b", port: 6379 },
          { host: "::1", port: 7002 },
        ],
        username: "u",
        password: "p",
        tls: false,
      },
    ],
    ["rediss-cluster://a/0", { topology: "cluster", seeds: [{ host: "a", port: 6379 }], tls: true }],
    [
      "redis-sentinel://:p@a,b:1/2?master=my-master",
      {
        topology: "sentinel",
        sentinels: [
          { host: "a", port: 26379 },
          { host: "b", port: 1 },
        ],
        master: "my-master",
        db: 2,
        password: "p",
        tls: false,
      },
    ],
  ])("%s is understood", (url, address) => {
    expect(addressOf(url)).toEqual(address);
  });

  it.each([
    "",
    "h:6379",
    "http://u:secret@h",
    "redis://u:secret@h/x",
    "redis://u:secret@h:99999",
    "redis://u:secr%zz@h",
    "redis://u:secret@a,b",
    "redis://u:secret@a?master=m",
    "redis-cluster://u:secret@a/1",
    "redis-cluster://u:secret@a,",
    "redis-cluster://u:secret@a?master=m",
    "redis-sentinel://u:secret@a",
    "redis-sentinel://u:secret@a/0?name=m",
  ])("%j is refused in one sentence that does not hold the password", (url) => {
    const attempt = () => addressOf(url);
    expect(attempt).toThrow(/^not a Redis URL: .*expected redis:\/\//);
    expect(attempt).not.toThrow(/secr/);
  });

  it("is shown without its password, also when it is malformed", () => {
    expect(maskPassword("redis://u:p@ss/w@rd@h:1/2")).toBe("redis://***@h:1/2");
    expect(maskPassword("redis://h:1")).toBe("redis://h:1");
  });

  it("names a server so that no two have one name", () => {
    expect(serverName({ host: "::1", port: 70 })).toBe("[::1]:70");
    expect(serverName({ host: "h", port: 70 })).toBe("h:70");
  });
});
