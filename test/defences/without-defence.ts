/** Rows of the documents' tables for which nothing of ours can be taken out, and why. */
export const WITHOUT_DEFENCE: ReadonlyMap<string, string> = new Map([
  [
    "Pseudo-fields that are missing, repeated, unknown, behind others; names in upper case",
    "nghttp2 refuses them before any code of ours, and has no switch for that",
  ],
  ["A name or value that is none (spaces, line ends, NUL)", "nghttp2 drops them, and has no switch for that"],
  [
    "Content of another length than `Content-Length`, content that its client breaks off, with whatever code",
    "nghttp2 counts it, and Node's streams break off by themselves where ours would",
  ],
  ["CONTINUATION without end (CVE-2024-27316)", "nghttp2 bounds them, and has no switch for that"],
  ["Reaching inner servers through it", "there is no code that asks a host which a URL names"],
  ["Origins fail", "points at the table below it"],
]);
