/** What a request to an origin must be like. */
export interface Wanted {
  /** Method and request-target. */
  readonly line: string;
  readonly body?: string;
  /** Fields that it must have with exactly this value, names in lower case. */
  readonly has?: Readonly<Record<string, string>>;
  readonly lacks?: readonly string[];
}

/** Bytes that a client sends, and what must become of them. */
export interface Row {
  readonly name: string;
  readonly clause: string;
  readonly bytes: string;
  /** The statuses of the answers to these bytes, interim ones excepted. */
  readonly statuses: readonly number[];
  /** What reaches the origin whole, and nothing else. */
  readonly reaches: readonly Wanted[];
  /** Where they come in pieces this is right as well, since nobody can tell yet how a word ends. */
  readonly inPieces?: number;
  /** Is the next request on the connection answered, or is it closed, or may it be either? */
  readonly after: "open" | "closed" | "either";
  /** The client ends its side behind the bytes, which are not all there is. */
  readonly cut: boolean;
}

export const HOST = "Host: a.example";

/** A head and what comes behind it. */
export const bytes = (line: string, fields: readonly string[], body = ""): string =>
  `${[line, ...fields].join("\r\n")}\r\n\r\n${body}`;

/** `GET /a` with these field lines, Host among them already. */
export const get = (...fields: readonly string[]): string => bytes("GET /a HTTP/1.1", [HOST, ...fields]);

/** `POST /a` with these field lines and this body. */
export const post = (body: string, ...fields: readonly string[]): string =>
  bytes("POST /a HTTP/1.1", [HOST, ...fields], body);

type Told = readonly [name: string, clause: string, bytes: string];

const row = ([name, clause, sent]: Told, then: Partial<Row>): Row => ({
  name,
  clause,
  bytes: sent,
  statuses: [],
  reaches: [],
  after: "closed",
  cut: false,
  ...then,
});

/** One answer with this status, then the connection is closed; nothing whole reaches the origin. */
export const refused = (status: number, ...told: Told): Row => row(told, { statuses: [status] });

/** Refused for a word that turns out wrong before it has ended; then it is just no HTTP. */
export const refusedEarly = (status: number, ...told: Told): Row =>
  row(told, { statuses: [status], inPieces: 400 });

/** The same for a client that stops in the middle. */
export const refusedCut = (status: number, ...told: Told): Row =>
  row(told, { statuses: [status], cut: true });

/** Answered here, and the connection goes on: what comes next is not in doubt. */
export const answered = (status: number, ...told: Told): Row =>
  row(told, { statuses: [status], after: "open" });

/** Reaches the origin like this, and the connection goes on. */
export const passed = (wanted: Wanted, ...told: Told): Row =>
  row(told, { statuses: [200], reaches: [wanted], after: "open" });

/** The same, and the connection may end with the answer. */
export const passedPerhapsLast = (wanted: Wanted, ...told: Told): Row =>
  row(told, { statuses: [200], reaches: [wanted], after: "either" });

/** The same, and the connection ends with the answer. */
export const passedLast = (wanted: Wanted, ...told: Told): Row =>
  row(told, { statuses: [200], reaches: [wanted] });

/** Reaches the origin like this; what comes behind it is refused. */
export const passedThenRefused = (wanted: Wanted, status: number, ...told: Told): Row =>
  row(told, { statuses: [200, status], reaches: [wanted] });

/** Any number of whole requests, each of which reaches the origin. */
export const passedAll = (wanted: readonly Wanted[], ...told: Told): Row =>
  row(told, { statuses: wanted.map(() => 200), reaches: wanted, after: "open" });
