import { expect, it } from "vitest";
import { anApi } from "./an-api.ts";

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8";

it.each([
  [undefined, "prometheus", TEXT],
  ["*/*", "prometheus", TEXT],
  ["text/html, */*;q=0.1", "prometheus", TEXT],
  ["text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.2", "prometheus", TEXT],
  ["application/openmetrics-text", "openmetrics", OPEN],
  // As Prometheus asks.
  [
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    "openmetrics",
    OPEN,
  ],
  ["application/openmetrics-text;q=0", "prometheus", TEXT],
])("Accept: %s is answered in the format %s", async (accept, format, type) => {
  const { app } = anApi({ metricsText: async (asked) => `${asked}\n` });
  const answer = await app.request("/metrics", accept === undefined ? {} : { headers: { Accept: accept } });
  expect(answer.headers.get("content-type")).toBe(type);
  expect(answer.headers.get("vary")).toBe("Accept");
  expect(await answer.text()).toBe(`${format}\n`);
});
