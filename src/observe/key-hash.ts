import { hash } from "node:crypto";

/** Names a key in logs and traces without saying it: 16 hexadecimal digits. */
export const keyHash = (key: string): string => hash("sha256", key).slice(0, 16);
