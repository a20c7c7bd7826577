import { expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { startCollector } from "../observe/collector.ts";
import { until } from "../until.ts";
import { startProgram } from "./program.ts";
import { keptGet } from "./raw.ts";
import { ask } from "./site.ts";

/** Parameters that are secrets by our list, or by the operator's. */
const PARAMETERS = [
  ...["token", "access_token", "key", "api_key", "apikey", "secret", "password", "pass", "sig", "signature"],
  ...["auth", "code", "jwt", "session", "id_token", "X-Amz-Signature", "voucher", "Customer-Ref"],
];
const QUERY = PARAMETERS.map((name) => `${name}=s3cret`).join("&");
const HEADERS = {
  Authorization: "Bearer s3cret",
  Cookie: "session=s3cret",
  "X-Api-Key": "s3cret",
  Referer: `http://user:s3cret@a.example/from?${QUERY}`,
  "User-Agent": "probe",
};

it.each([
  ["json", "on"],
  ["json", "off"],
  ["pretty", "on"],
  ["combined", "on"],
  ["combined", "off"],
])(
  "in a log as %s, the plain lane %s, there is no secret, and neither is there in what operators watch",
  async (format, lane) => {
    const collector = await startCollector();
    const mock = await startMockOrigins({ ports: [0] });
    onTestFinished(() => mock.close());
    const program = await startProgram({
      ORIGINS: mock.urls.join(","),
      LOG_FORMAT: format,
      PLAIN_LANE: lane,
      LOG_REDACT_QUERY: "voucher,customer_ref",
      ADMIN_TOKEN: "s3cret",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=s3cret",
      OTEL_BSP_SCHEDULE_DELAY: "10",
    });
    const url = `http://127.0.0.1:${program.port}`;
    const admin = `http://127.0.0.1:${program.adminPort}`;
    const operator = { headers: { Authorization: "Bearer s3cret" } };
    const watched = await fetch(`${admin}/events`, operator);
    const path = `/data?id=1&cache-control=public,max-age=60&${QUERY}`;
    expect((await ask(url + path, { headers: HEADERS })).cache).toBe("MISS/MISS");
    expect((await ask(url + path, { headers: HEADERS })).cache).toBe("HIT/HIT");
    const { Authorization: _, ...plain } = HEADERS;
    expect(await keptGet(program.port, path, plain, "}")).toContain("X-Cache: HIT\r\n");
    await ask(`${url}/cookie?${QUERY}`, { method: "POST", body: "s3cret", headers: HEADERS });
    await ask(`${admin}/cache${path}`, { method: "DELETE", ...operator });
    const tail = await readUntil(watched, "/cookie");
    const top = await ask(`${admin}/top`, operator);
    expect(top.text).toContain("/data?id=1");
    const explained = await ask(`${admin}/explain?${new URLSearchParams({ url: path })}`, operator);
    expect(explained.text).toContain("/data?id=1");
    await until("all is written", () => {
      const written = program.out() + program.err();
      return written.includes("/cookie") && written.includes("purged");
    });
    await collector.received(4, ({ kind }) => kind === 2);
    const spans = JSON.stringify(collector.spans, (_, value) =>
      typeof value === "bigint" ? `${value}` : value,
    );
    for (const shown of [program.out(), program.err(), tail, top.text, explained.text, spans])
      expect(shown).not.toContain("s3cret");
    if (format === "combined") {
      const lines = program
        .out()
        .split("\n")
        .filter((line) => line.includes(" HTTP/1.1"));
      expect(lines[2]).toMatch(
        /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/data\?id=1\S+ HTTP\/1\.1" 200 \d+ "http:\/\/a\.example\/from\?token=\*\*\*\S+" "probe" HIT$/,
      );
      expect(program.out()).not.toContain("{");
      expect(program.err()).toContain('"msg":"purged"');
    }
  },
);

/** What comes of a body until this is there; the rest is left. */
async function readUntil({ body }: Response, wanted: string): Promise<string> {
  let text = "";
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes(wanted)) break;
  }
  return text;
}

it("the id of a request's line is the one that its client gets and its origin got", async () => {
  const mock = await startMockOrigins({ ports: [0] });
  onTestFinished(() => mock.close());
  for (const lane of ["on", "off"]) {
    const program = await startProgram({
      ORIGINS: mock.urls.join(","),
      LOG_FORMAT: "json",
      PLAIN_LANE: lane,
    });
    const url = `http://127.0.0.1:${program.port}/data?id=1&cache-control=max-age=60`;
    const first = (await ask(url)).header("x-request-id");
    const hit = await keptGet(program.port, "/data?id=1&cache-control=max-age=60", {}, "}");
    const ids = [first, /X-Request-Id: (\S+)/.exec(hit)?.[1]];
    await until(
      "both are written",
      () => program.lines().filter(({ msg }) => msg === "request").length === 2,
    );
    const requests = program.lines().filter(({ msg }) => msg === "request");
    expect(requests.map((line) => line["request_id"])).toEqual(ids);
    expect(new Set(ids).size).toBe(2);
  }
});
