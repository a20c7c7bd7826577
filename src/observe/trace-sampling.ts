import type { TraceParent } from "./trace-context.ts";

/** The names of OTEL_TRACES_SAMPLER that are known here. */
export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** Is this trace recorded? `parent`: what the hop before has said. */
export type Sample = (traceId: string, parent: TraceParent | undefined) => boolean;

/** So many hexadecimal digits are a number that JavaScript counts exactly. */
const DIGITS = 13;
const SPAN = 16 ** DIGITS;

/** `ratio`: of all traces, from 0 to 1; for the samplers that go by one. */
export function createSampler(name: SamplerName, ratio: number): Sample {
  switch (name) {
    case "always_on":
      return () => true;
    case "always_off":
      return () => false;
    case "traceidratio":
      return (traceId) => isAmong(traceId, ratio);
    case "parentbased_always_on":
      return (_, parent) => parent?.sampled ?? true;
    case "parentbased_always_off":
      return (_, parent) => parent?.sampled ?? false;
    case "parentbased_traceidratio":
      return (traceId, parent) => parent?.sampled ?? isAmong(traceId, ratio);
  }
}

/** The last digits decide, which are the random ones, so that every hop with the same ratio takes the same traces. */
const isAmong = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(-DIGITS), 16) >= SPAN * (1 - ratio);
