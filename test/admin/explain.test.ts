import { expect, it } from "vitest";
import type { Explained } from "../../src/admin/answers.ts";
import type { AskedToExplain } from "../../src/admin/explain.ts";
import { REASON_CODES } from "../../src/policy/reasons.ts";
import { anApi } from "./an-api.ts";

const HERE = { host: "localhost" };

async function asked(query: string): Promise<{ status: number; seen: AskedToExplain | undefined }> {
  let seen: AskedToExplain | undefined;
  const { app } = anApi({
    explain: async (given) => {
      seen = given;
      return {} as Explained;
    },
  });
  const { status } = await app.request(`/explain?${query}`, { headers: HERE });
  return { status, seen };
}

it("takes a URL apart without touching its bytes", async () => {
  const url = encodeURIComponent("https://Shop.example:8443/a/../b%2f?x=1&y=é#top");
  const { seen } = await asked(`url=${url}&header=${encodeURIComponent("X-A: 1: 2")}&header=X-B:&fetch=1`);
  expect(seen).toEqual({
    method: "GET",
    proto: "https",
    host: "Shop.example:8443",
    target: "/a/../b%2f?x=1&y=%C3%A9",
    fields: ["X-A", "1: 2", "X-B", ""],
    fetch: true,
    body: false,
  });
});

it("takes a path for the proxy's own host", async () => {
  const { seen } = await asked("url=/a%3Fb&method=POST&body=1");
  expect(seen).toEqual({
    method: "POST",
    proto: "http",
    target: "/a?b",
    fields: [],
    fetch: false,
    body: true,
  });
});

it.each([
  "",
  "url=",
  "url=ftp://a/b",
  "url=/a&method=G%20T",
  "url=/a&header=no-colon",
  "url=/a&header=X-A:%20a%0d%0aX-B:%20b",
  "url=/a&fetch=yes",
  "url=/a&verbose=1",
  `url=/a${"&header=X:y".repeat(101)}`,
])("refuses what it does not understand in full: %.40s", async (query) => {
  expect(await asked(query)).toEqual({ status: 400, seen: undefined });
});

it("has no origin asked for another site's page, and else explains to whom it likes", async () => {
  const { app } = anApi();
  const status = async (query: string, site: string) =>
    (await app.request(`/explain?url=/a${query}`, { headers: { ...HERE, "Sec-Fetch-Site": site } })).status;
  expect(await status("&fetch=1", "cross-site")).toBe(403);
  expect(await status("&fetch=1", "same-origin")).toBe(200);
  expect(await status("", "cross-site")).toBe(200);
});

it("lists every reason with what would change it", async () => {
  const { app } = anApi();
  const reasons = (await (await app.request("/reasons", { headers: HERE })).json()) as Record<
    string,
    string
  >[];
  expect(reasons.map(({ code }) => code)).toEqual(REASON_CODES);
  expect(reasons.find(({ code }) => code === "no-store")).toMatchObject({
    group: "not storing",
    decided_by: "RFC 9111 §5.2.2.5",
  });
});
