/** These bytes, in memory of their own: in Node's pool they would keep all of that, and it is everybody's to write over. */
export function ownBytes(line: string | Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(line));
  if (typeof line === "string") bytes.write(line);
  else bytes.set(line);
  return bytes;
}
