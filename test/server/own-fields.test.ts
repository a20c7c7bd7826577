import { describe, expect, it } from "vitest";
import { operatorAspect, operatorFields, preflightFields } from "../../src/server/own-fields.ts";

const APP = "https://app.example";
const none = { corsOrigins: [], securityHeaders: false };
const app = { corsOrigins: [APP], securityHeaders: false };
const all = { corsOrigins: "*", securityHeaders: false } as const;

describe("operatorFields", () => {
  it("adds nothing unless a setting says so", () => {
    expect(operatorFields(["Origin", APP], [], none)).toEqual([]);
  });

  it("names one web origin to it alone, and tells caches that others see something else", () => {
    expect(operatorFields(["Origin", APP], [], app)).toEqual([
      ...["Access-Control-Allow-Origin", APP, "Vary", "Origin"],
    ]);
    expect(operatorFields(["origin", "https://evil.example"], [], app)).toEqual(["Vary", "Origin"]);
    expect(operatorFields([], [], app)).toEqual(["Vary", "Origin"]);
  });

  it("compares web origins whole", () => {
    for (const close of ["https://app.example.evil.example", "http://app.example", `${APP}:8443`, "null"]) {
      expect(operatorFields(["Origin", close], [], app)).toEqual(["Vary", "Origin"]);
    }
  });

  it("lets all read with *", () => {
    expect(operatorFields([], [], all)).toEqual(["Access-Control-Allow-Origin", "*"]);
  });

  it("gives way to what the origin has said, whatever its case", () => {
    expect(operatorFields(["Origin", APP], ["access-control-allow-ORIGIN", "x"], app)).toEqual([]);
    const fields = operatorFields([], ["x-frame-options", "DENY"], { ...none, securityHeaders: true });
    expect(fields).toEqual([
      ...["X-Content-Type-Options", "nosniff"],
      ...["Referrer-Policy", "strict-origin-when-cross-origin"],
    ]);
  });
});

it.each<readonly [string, string, Parameters<typeof operatorAspect>[1]]>([
  [APP, APP, app],
  ["https://evil.example", "", app],
  [`${APP}/${"x".repeat(8000)}`, "", app],
  [APP, "", none],
  [APP, "", all],
])("what those depend on is one of a few, whatever a client says: %#", (origin, aspect, settings) => {
  expect(operatorAspect(["Origin", origin], settings)).toBe(aspect);
});

describe("preflightFields", () => {
  const asking = ["Origin", APP, "Access-Control-Request-Method", "PUT"];

  it("answers OPTIONS with Origin and Access-Control-Request-Method, and nothing else", () => {
    expect(preflightFields("OPTIONS", asking, app)).toContain("Access-Control-Allow-Methods");
    expect(preflightFields("GET", asking, app)).toBeUndefined();
    expect(preflightFields("OPTIONS", asking.slice(2), app)).toBeUndefined();
    expect(preflightFields("OPTIONS", asking.slice(0, 2), app)).toBeUndefined();
    expect(preflightFields("OPTIONS", asking, none)).toBeUndefined();
  });

  it("allows the method and the fields that were asked for", () => {
    const fields = preflightFields("OPTIONS", [...asking, "Access-Control-Request-Headers", "x-a"], all);
    expect(fields).toEqual([
      ...["Access-Control-Allow-Origin", "*", "Access-Control-Allow-Methods", "PUT"],
      ...["Access-Control-Allow-Headers", "x-a", "Access-Control-Max-Age", "600"],
    ]);
  });
});
