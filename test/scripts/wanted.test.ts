import { describe, expect, test } from "vitest";
import { RunError, readWanted } from "../../scripts/wanted.ts";

const DOTENV = `PORT=3000
ORIGINS=http://127.0.0.1:4001,http://127.0.0.1:4002,http://127.0.0.1:4003
REDIS_URL=redis://127.0.0.1:6379
`;

describe("what a fresh clone runs", () => {
  test("mock origins, the usual ports, and a Redis where one usually is", () => {
    expect(readWanted({}, DOTENV)).toEqual({
      port: 3000,
      adminPort: 3001,
      adminHost: "127.0.0.1",
      origins: undefined,
      redisUrl: "redis://127.0.0.1:6379",
      redisNamed: false,
      logFormat: "auto",
      patience: 12_000,
    });
  });

  test("the same without a .env file", () => {
    expect(readWanted({}, "")).toEqual(readWanted({}, DOTENV));
  });
});

describe("origins", () => {
  test.each([
    ["the environment", { ORIGINS: "https://one.example" }, DOTENV],
    ["the .env file", {}, "ORIGINS=https://one.example\n"],
  ])("of %s are the user's own: no mock is started", (_where, env, dotenv) => {
    expect(readWanted(env, dotenv).origins).toEqual(["https://one.example"]);
  });

  test("a mock among others is the user's own as well", () => {
    const ORIGINS = "http://127.0.0.1:4001,https://one.example";
    expect(readWanted({ ORIGINS }, "").origins).toEqual(["http://127.0.0.1:4001", "https://one.example"]);
  });

  test("some of the mock ones alone are ours to start", () => {
    expect(readWanted({ ORIGINS: "http://localhost:4002" }, "").origins).toBeUndefined();
  });
});

describe("Redis", () => {
  test("an empty REDIS_URL turns it off, also against the .env file", () => {
    expect(readWanted({ REDIS_URL: "" }, DOTENV).redisUrl).toBeUndefined();
  });

  test("a URL of the environment counts more than that of .env", () => {
    expect(readWanted({ REDIS_URL: "redis://cache:6380" }, DOTENV).redisUrl).toBe("redis://cache:6380");
  });
});

describe("the admin API can be asked", () => {
  test.each([
    ["0.0.0.0", "127.0.0.1"],
    ["::", "[::1]"],
    ["::1", "[::1]"],
    ["127.0.0.2", "127.0.0.2"],
  ])("at ADMIN_HOST %s by %s", (ADMIN_HOST, expected) => {
    expect(readWanted({ ADMIN_HOST, ADMIN_TOKEN: "0123456789abcdef" }, "").adminHost).toBe(expected);
  });
});

test.each(["abc", "0", "70000", "3000x", "-1"])("port %s is refused in one sentence", (PORT) => {
  expect(() => readWanted({ PORT }, DOTENV)).toThrow(RunError);
  expect(() => readWanted({ PORT }, DOTENV)).toThrow(/^PORT: .* expected an integer from 1 to 65535$/);
});

test("every wrong setting is told at once", () => {
  const wrong = { PORT: "abc", HEALTH_CHECK_INTERVAL: "soon", ORIGINS: "one.example" };
  expect(() => readWanted(wrong, "")).toThrow(/PORT: [^\n]*\n.*ORIGINS: [^\n]*\n.*HEALTH_CHECK_INTERVAL: /s);
});
