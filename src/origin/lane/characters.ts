/** Of each byte: is it among these characters, or from `from` on? */
function table(characters: string, from = 256): Uint8Array {
  const bytes = new Uint8Array(256).fill(1, from);
  for (const byte of Buffer.from(characters, "latin1")) bytes[byte] = 1;
  return bytes;
}

const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** RFC 9110 §5.6.2. */
export const TOKEN = table(`${DIGITS}${LETTERS}!#$%&'*+-.^_\`|~`);
/** RFC 9110 §5.5: visible characters, obs-text, and whitespace between them. */
export const VALUE = table("\t", 0x20);
VALUE[0x7f] = 0;

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const HTAB = 0x09;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const ZERO = 0x30;
