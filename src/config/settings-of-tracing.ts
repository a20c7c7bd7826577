import { integer, oneOf, optional, text } from "./kinds.ts";
import { setting } from "./setting.ts";
import { collectorUrl, plainPairs, ratio, secretPairs } from "./telemetry.ts";

/* Where traces go, under the names that every program has for it; unlike elsewhere, times are milliseconds without a unit. */

export const TRACING = {
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    optional(collectorUrl),
    "",
    "The OpenTelemetry collector that gets traces, by OTLP over HTTP in JSON: http://host:4318; no traces when empty.",
  ),
  OTEL_EXPORTER_OTLP_HEADERS: setting(
    secretPairs,
    "",
    "Header fields for the collector, such as authorization=Bearer%20…; better in the environment than in a flag.",
  ),
  OTEL_EXPORTER_OTLP_TIMEOUT: setting(
    integer(1, 600_000),
    "10000",
    "How long the collector may take for each request, in milliseconds; at a stop 5 seconds at most.",
  ),
  OTEL_SERVICE_NAME: setting(
    text("name", /^[^\p{Cc}]{1,128}$/u, "up to 128 visible characters"),
    "freshline",
    "What this proxy is called in traces.",
  ),
  OTEL_RESOURCE_ATTRIBUTES: setting(
    plainPairs,
    "",
    "More that every trace says of this proxy, such as deployment.environment.name=production.",
  ),
  OTEL_TRACES_SAMPLER: setting(
    oneOf(
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
    ),
    "parentbased_always_on",
    "Which requests are traced; parentbased ones go by the flag of the client's traceparent where there is one.",
  ),
  OTEL_TRACES_SAMPLER_ARG: setting(ratio, "1", "For the samplers of that name: how many of all are traced."),
  OTEL_BSP_MAX_QUEUE_SIZE: setting(
    integer(1, 1_000_000),
    "2048",
    "Spans that may wait for the collector; more are dropped, and counted. Requests never wait for it.",
  ),
  OTEL_BSP_SCHEDULE_DELAY: setting(
    integer(1, 3_600_000),
    "5000",
    "How long a span waits for others before it is sent, in milliseconds.",
  ),
};
