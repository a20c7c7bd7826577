import type { OriginError } from "../../cache/ports/origin.ts";

/** Why a connection of the lane has ended, in the port's own word. */
export class LaneFault extends Error {
  override readonly name = "LaneFault";
  readonly says: OriginError["code"];
  constructor(says: OriginError["code"], message: string) {
    super(message);
    this.says = says;
  }
}

/** What came is no response of HTTP/1.1, or one of which nobody can tell where it ends. */
export const malformed = (what: string): LaneFault => new LaneFault("malformed", what);
