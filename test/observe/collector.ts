import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { until } from "../until.ts";

type Value = string | number | boolean;

/** A span as a collector reads it: attributes as an object, times in nanoseconds. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, Value>> }[];
  readonly failed: boolean;
  readonly resource: Readonly<Record<string, Value>>;
}

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** What came, in the order of its end. */
  readonly spans: readonly ReceivedSpan[];
  readonly requests: readonly { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  /** Resolves when so many spans fit. */
  received(count: number, fits?: (span: ReceivedSpan) => boolean): Promise<readonly ReceivedSpan[]>;
  /** Ends every connection, and takes no more. */
  close(): Promise<void>;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const taken: Answer = (response) => response.setHeader("content-type", "application/json").end("{}");

/** An OTLP/HTTP receiver for traces in JSON; `answer` is called when a request has been read. */
export async function startCollector(answer: Answer = taken): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const requests: { url: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    requests.push({ url: `${request.method} ${request.url}`, headers: request.headers });
    spans.push(...spansOf(Buffer.concat(chunks).toString()));
    answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    async received(count, fits = () => true) {
      const said = () =>
        `${count} spans have come; there are:\n${spans.map(({ name, attributes }) => `${name} ${JSON.stringify(attributes)}`).join("\n")}`;
      await until(said, () => spans.filter(fits).length >= count);
      return spans.filter(fits);
    },
    close,
  };
}

interface Pair {
  readonly key: string;
  readonly value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean };
}
interface Wire {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: readonly Pair[];
        readonly events?: readonly { readonly name: string; readonly attributes: readonly Pair[] }[];
        readonly status?: { readonly code: number };
      }[];
    }[];
  }[];
}

const plain = ({ value }: Pair): Value =>
  value.stringValue ??
  value.boolValue ??
  (value.intValue === undefined ? value.doubleValue : Number(value.intValue)) ??
  Number.NaN;

const object = (pairs: readonly Pair[]): Record<string, Value> =>
  Object.fromEntries(pairs.map((pair) => [pair.key, plain(pair)]));

function spansOf(text: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(text) as Wire;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, attributes, events = [], status, ...span }) => ({
        ...span,
        start: BigInt(startTimeUnixNano),
        end: BigInt(endTimeUnixNano),
        attributes: object(attributes),
        events: events.map((event) => ({ name: event.name, attributes: object(event.attributes) })),
        failed: status?.code === 2,
        resource: object(resource.attributes),
      })),
    ),
  );
}
