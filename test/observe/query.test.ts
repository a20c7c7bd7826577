import { describe, expect, it } from "vitest";
import { parseQuery } from "../../src/observe/query.ts";
import { anAnswer, MISS } from "./an-event.ts";

const answer = anAnswer({
  requestId: "r-7",
  method: "GET",
  uri: "http://shop.example:8080/api/Basket?id=1",
  status: 502,
  outcome: { ...MISS, reason: "set-cookie", stored: false, collapsed: true, age: 90, ttl: -30 },
  origin: "http://10.0.0.7:8080",
  bytes: 2048,
  headMs: 250,
  durationMs: 1500,
});

function matches(query: string, event = answer): boolean {
  const parsed = parseQuery(query);
  if (typeof parsed !== "function") throw new Error(`${parsed.problem} at ${parsed.at}`);
  return parsed(event);
}

describe("a query", () => {
  it.each([
    [""],
    ["  "],
    ["status=MISS reason=set-cookie ttfb>200ms"],
    ["status=miss"],
    ["status=502"],
    ["status=5xx"],
    ["status!=4xx"],
    ["status>=500 status<600"],
    ["status!=HIT"],
    ["cache=MISS"],
    ["cache!=HIT"],
    ["hit=false"],
    ["hit!=yes"],
    ["collapsed=true"],
    ["id=r-7"],
    ["method=get"],
    ["host=shop.example:8080"],
    ["host~shop"],
    ["url~/api/"],
    ["url~basket?id=1"],
    ['url~"/api/B"'],
    ["url=http://shop.example:8080/api/Basket?id=1"],
    ["reason~cookie"],
    ["fwd=uri-miss"],
    ["tier=memory"],
    ["tier!=redis"],
    ["origin~10.0.0.7"],
    ["ttfb=250"],
    ["ttfb>=0.25s"],
    ["ttfb>249999us"],
    ["ttfb<1m"],
    ["total<=1.5s"],
    ["total>1499"],
    ["age=90"],
    ["age>1m"],
    ["ttl=-30"],
    ["ttl<0s"],
    ["ttl>-1m"],
    ["bytes=2KiB"],
    ["bytes>2kb"],
    ["bytes<1M"],
    ["\tstatus=5xx \t url~api "],
  ])("%s means this answer", (query) => {
    expect(matches(query)).toBe(true);
  });

  it.each([
    ["status=HIT"],
    ["status=4xx"],
    ["status!=5xx"],
    ["status<502"],
    ["cache!=MISS"],
    ["hit=true"],
    ["collapsed=no"],
    ["method=POST"],
    ["host=shop.example"],
    ["url~/nothing/"],
    ["reason=private"],
    ["tier=redis"],
    ["ttfb>250ms"],
    ["ttfb<250"],
    ["total<1s"],
    ["bytes>2KiB"],
    ["status=MISS url~/nothing/"],
  ])("%s does not", (query) => {
    expect(matches(query)).toBe(false);
  });

  it("means the URL as readers see it, so that nobody can guess at a secret in it", () => {
    const secret = anAnswer({ uri: "http://shop.example/data?id=1&token=s3cret" });
    expect(matches("url~token=***", secret)).toBe(true);
    expect(matches("url~token=s", secret)).toBe(false);
    expect(matches("url~s3cret", secret)).toBe(false);
  });

  it("finds what an answer does not have only by what it is not", () => {
    const hit = anAnswer({ tier: "memory" });
    expect(matches("origin=x", hit)).toBe(false);
    expect(matches("origin~x", hit)).toBe(false);
    expect(matches("origin!=x", hit)).toBe(true);
    const refused = anAnswer({ outcome: { word: "MISS", body: "none" } });
    expect(matches("ttl<5", refused)).toBe(false);
    expect(matches("ttl!=5", refused)).toBe(true);
  });

  it.each([
    ["colour=red", 1, /^no field is called colour; there are id, method/],
    ["status=200 colour=red", 12, /no field/],
    ["status", 1, /expected a field, an operator/],
    ["status=200 =5", 12, /expected a field/],
    ["status=", 8, /status= needs a value/],
    ['url="open', 5, /url= needs a value/],
    ['url="a"b', 8, /a blank between/],
    ["ttfb>fast", 6, /^ttfb is written like 200ms, not fast/],
    ["ttfb>5h", 6, /ttfb is written like 200ms/],
    ["bytes>5s", 7, /bytes is written like 64KiB/],
    ["ttl~5", 5, /ttl is a number: it takes no ~/],
    ["method>GET", 8, /method is a text/],
    ["hit=perhaps", 5, /hit is true or false, not perhaps/],
    ["hit=constructor", 5, /hit is true or false/],
    ["ttfb>5constructor", 6, /ttfb is written like 200ms/],
    ["hit>true", 5, /hit takes = and != alone/],
    ["status>5xx", 8, /status> needs a number, not a class/],
    ["status=99999", 8, /a status is a number such as 404/],
    ["status~40", 8, /status is a number/],
    ["x".repeat(1001), 1000, /at most 1000 characters/],
  ])("%s is none", (query, at, problem) => {
    const parsed = parseQuery(query);
    if (typeof parsed === "function") throw new Error("understood");
    expect(parsed.problem).toMatch(problem);
    expect(parsed.at).toBe(at);
  });
});
