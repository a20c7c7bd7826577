import type { IncomingMessage } from "node:http";

/** What a Range asks for: these bytes (`last` is inclusive), none that exist, or everything. */
export type Asked = { readonly first: number; readonly last: number } | "unsatisfiable" | "everything";

/**
 * The single range that a GET asks of `length` bytes (RFC 9110 §14.2). Several ranges, other
 * units and an If-Range that is not the entity tag get everything.
 */
export function askedRange(request: IncomingMessage, length: number, entityTag: string | undefined): Asked {
  const { range, "if-range": condition } = request.headers;
  if (request.method !== "GET" || range === undefined) return "everything";
  if (condition !== undefined && condition !== entityTag) return "everything";
  const [, first = "", last = ""] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range) ?? [];
  if (first === "" && last === "") return "everything";
  if (first === "") {
    const bytes = Math.min(Number(last), length);
    return bytes === 0 ? "unsatisfiable" : { first: length - bytes, last: length - 1 };
  }
  if (last !== "" && Number(last) < Number(first)) return "everything";
  if (Number(first) >= length) return "unsatisfiable";
  return { first: Number(first), last: last === "" ? length - 1 : Math.min(Number(last), length - 1) };
}

/** The chunks without the first `bytes` bytes of them. */
export async function* after(bytes: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
