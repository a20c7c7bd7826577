import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AuditInput, auditInputs } from "./audit-inputs.ts";
import type { Terminal } from "./commands.ts";

/** What one input did to a page. */
export interface AuditFinding {
  readonly input: AuditInput;
  /** Does the next visitor, who sends nothing of it, get what it brought? */
  readonly shared: boolean;
  /** In what the answer differs. */
  readonly differs: string;
}

export type AuditReport =
  | { readonly type: "done"; readonly tried: number; readonly findings: readonly AuditFinding[] }
  /** Nothing was tried, or not all of it. */
  | { readonly type: "stopped"; readonly detail: string };

const TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 1024 * 1024;
/** Enough to be quick, and too few to be a burden. */
const CONCURRENCY = 4;
/** Only this parameter differs between the URLs that are asked for, so that no visitor's page is touched. */
const PARAMETER = "freshline-audit";

/** An answer as far as visitors can tell. */
interface Seen {
  readonly status: number;
  /** By lower-case name. */
  readonly fields: Readonly<Record<string, string>>;
  /** Digest of the body without what differs by URL. */
  readonly body: string;
  readonly marked: boolean;
  readonly fromCache: boolean;
}

/** What a difference in would matter to the next visitor. */
const COMPARED = [
  "location",
  "content-type",
  "content-encoding",
  "content-range",
  "access-control-allow-origin",
  "set-cookie",
  "link",
  "refresh",
  "vary",
] as const;

/**
 * Which of the known inputs beside its URL change this page, and which of them for the next visitor, too?
 *
 * Each is tried under a query of its own, first with the input and then without it. Never rejects.
 */
export async function auditPage(url: string): Promise<AuditReport> {
  const marker = `fl${randomBytes(6).toString("hex")}`;
  const inputs = auditInputs(marker);
  const plain = (suffix = ""): Promise<Seen> => see(url, { suffix }, fresh(), marker);
  const findings: AuditFinding[] = [];
  try {
    const first = await plain();
    const again = await plain();
    if (first.fromCache || again.fromCache)
      return {
        type: "stopped",
        detail: `the query is not in this cache's key: trying would change what visitors get of ${url}`,
      };
    // Where two visitors get different pages, only what is repeated of the input says anything.
    const steady = differenceOf(first, again) === undefined;
    const queue = [...inputs];
    const work = async (): Promise<void> => {
      for (let input = queue.shift(); input !== undefined; input = queue.shift()) {
        const usual = input.suffix === undefined ? first : await plain(input.suffix);
        const finding = await tried(url, input, usual, steady, marker);
        if (finding !== undefined) findings.push(finding);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } catch (error) {
    return { type: "stopped", detail: `${url}: ${error instanceof Error ? error.message : String(error)}` };
  }
  return { type: "done", tried: inputs.length, findings };
}

async function tried(
  url: string,
  input: AuditInput,
  usual: Seen,
  steady: boolean,
  marker: string,
): Promise<AuditFinding | undefined> {
  const tag = fresh();
  const { suffix = "" } = input;
  const attacked = await see(url, input, tag, marker);
  const next = await see(url, { suffix }, tag, marker);
  const what = (seen: Seen): string | undefined =>
    seen.marked ? "what was sent is repeated" : steady ? differenceOf(usual, seen) : undefined;
  const shared = what(next);
  // An answer to HEAD has no body, and one to POST is another page.
  const differs = shared ?? (input.method === "GET" ? what(attacked) : undefined);
  return differs === undefined ? undefined : { input, shared: shared !== undefined, differs };
}

const fresh = (): string => randomBytes(8).toString("hex");

function differenceOf(usual: Seen, seen: Seen): string | undefined {
  if (seen.status !== usual.status) return `the status is ${seen.status}, not ${usual.status}`;
  const name = COMPARED.find((name) => seen.fields[name] !== usual.fields[name]);
  if (name !== undefined) return `${name} is ${seen.fields[name] ?? "absent"}`;
  return seen.body === usual.body ? undefined : "the body is another";
}

/** Asks once, under the query that `tag` makes. */
function see(
  url: string,
  asked: Partial<Pick<AuditInput, "method" | "fields" | "body" | "suffix">>,
  tag: string,
  marker: string,
): Promise<Seen> {
  const target = new URL(url);
  const { method = "GET", fields = [], body, suffix = "" } = asked;
  const query = `${target.search === "" ? "?" : `${target.search}&`}${PARAMETER}=${tag}`;
  const host = fields[0] === "host:case" ? target.host.toUpperCase() : target.host;
  const sent = ["host", host, ...(fields[0] === "host:case" ? [] : fields), "connection", "close"];
  if (body !== undefined) sent.push("content-length", String(Buffer.byteLength(body)));
  const ask = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = ask(
      {
        host: target.hostname.replace(/^\[|\]$/g, ""),
        port: target.port === "" ? undefined : Number(target.port),
        method,
        path: `${target.pathname}${suffix}${query}`,
        headers: sent,
        agent: false,
        timeout: TIMEOUT_MS,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        incoming.on("error", reject);
        incoming.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
          else outgoing.destroy(new Error(`longer than ${MAX_BODY_BYTES} bytes`));
        });
        incoming.on("end", () => resolve(seen(incoming, Buffer.concat(chunks), tag, marker)));
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function seen({ statusCode = 0, headers }: IncomingMessage, body: Buffer, tag: string, marker: string): Seen {
  const fields = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value).replaceAll(tag, "")]),
  );
  const text = body.toString("latin1").replaceAll(tag, "");
  const marked = text.includes(marker) || COMPARED.some((name) => fields[name]?.includes(marker) === true);
  const cacheStatus = `${fields["x-cache"] ?? ""} ${fields["cache-status"] ?? ""} ${fields["cf-cache-status"] ?? ""}`;
  const fromCache = Number(fields["age"] ?? 0) > 0 || /\bhit\b/i.test(cacheStatus);
  return {
    status: statusCode,
    fields,
    body: createHash("sha256").update(text).digest("hex"),
    marked,
    fromCache,
  };
}

/** `freshline audit URL…`: answers 1 where an input reaches the next visitor, or a page could not be tried. */
export async function audit(urls: readonly string[], terminal: Terminal, json = false): Promise<number> {
  let code = 0;
  for (const url of urls) {
    const report = await auditPage(url);
    if (json && report.type === "done") {
      terminal.out(JSON.stringify(shownReport(url, report)));
      if (report.findings.some(({ shared }) => shared)) code = 1;
      continue;
    }
    if (report.type === "stopped") {
      terminal.err(`freshline: ${report.detail}`);
      code = 1;
      continue;
    }
    const open = report.findings.filter(({ shared }) => shared);
    const own = report.findings.filter(({ shared }) => !shared);
    terminal.out(`${url}: ${report.tried} inputs tried`);
    for (const { input, differs } of open) {
      terminal.out(`  OPEN  ${input.name}: ${differs}, for the next visitor, too`);
      terminal.out(`        ${input.advice}`);
    }
    for (const { input, differs } of own) terminal.out(`  own   ${input.name}: ${differs}, for who sends it`);
    terminal.out(open.length === 0 ? "  none reaches the next visitor" : `  ${open.length} open`);
    if (open.length > 0) code = 1;
  }
  return code;
}

const shownReport = (url: string, { tried, findings }: Extract<AuditReport, { type: "done" }>) => ({
  url,
  tried,
  findings: findings.map(({ input: { name, advice }, shared, differs }) => ({
    name,
    shared,
    differs,
    advice,
  })),
});
