import type { Socket } from "node:net";
import type { Emit } from "../cache/events.ts";
import { refusal } from "../cache/respond.ts";
import type { Outcome } from "../policy/outcome.ts";
import { endWith } from "./end-with.ts";
import { freshId } from "./fresh-id.ts";
import { type OwnFieldSettings, operatorFields } from "./own-fields.ts";

/** Connections beyond the limit that are being told so, at once; of a crowd of them the others are closed unanswered. */
const MAX_GOODBYES = 64;
/** So many bytes of what such a client has sent are read, for it to get the answer (RFC 9112 §9.6). */
const MAX_UNHEARD_BYTES = 65_536;

const NO_ROOM = { word: "BYPASS", body: "none", reason: "too_many_connections" } as const satisfies Outcome;

interface NoRoomDeps {
  readonly emit: Emit;
  readonly settings: OwnFieldSettings;
}

/** Ends a connection that there is no room for; it is told why first where `mayAnswer`, which costs no handshake. */
export type TurnAway = (socket: Socket, mayAnswer: boolean) => void;

/** Says 503 to connections beyond MAX_CONNECTIONS, before they have asked for anything (RFC 9110 §15.6.4). */
export function createTurnAway({ emit, settings }: NoRoomDeps): TurnAway {
  let goodbyes = 0;
  return (socket, mayAnswer) => {
    const answered = mayAnswer && goodbyes < MAX_GOODBYES;
    emit({ type: "connection-refused", answered });
    if (!answered) return void socket.destroy();
    goodbyes++;
    socket.once("close", () => goodbyes--);
    socket.on("error", () => socket.destroy());
    const id = freshId();
    const detail = "more connections are open than may be";
    const response = refusal({ id, method: "-" }, 503, NO_ROOM.reason, detail, NO_ROOM);
    endWith(socket, response, ["X-Request-Id", id, ...operatorFields([], response.fields, settings)]);
    let left = MAX_UNHEARD_BYTES;
    socket.on("data", ({ length }: Buffer) => {
      left -= length;
      // Closed now, the answer could be lost; it is closed a moment later anyway.
      if (left < 0) socket.pause();
    });
  };
}
