import type { Asker } from "../../cache/events.ts";
import { aspectOf } from "../../cache/respond.ts";
import type { RequestDirectives } from "../../policy/cache-control.ts";
import { bypassReason, type RequestFacts } from "../../policy/decide.ts";
import { hasField } from "../../policy/fields.ts";
import type { ForwardedFor } from "../../policy/forwarding.ts";
import { primaryKey } from "../../policy/key.ts";
import { DEBUG_FIELD } from "../../policy/trace.ts";
import { RequestAsker } from "../asker.ts";
import { type OwnFieldSettings, operatorAspect } from "../own-fields.ts";
import type { Connection } from "../peer.ts";
import { givenId, type ReadingSettings, sectionFacts, tooMany } from "../read-request.ts";
import type { FieldSection, PlainHead } from "./head.ts";

/** What a decision needs of a request, and what its answer depends on besides what is stored. */
export interface Aspect {
  readonly facts: RequestFacts;
  /** Requests with the same one get the same answer; undefined where nobody can tell, or none comes at once. */
  readonly name: string | undefined;
  /** From one second to the next nothing of the answer changes but its times: no date is compared with the clock. */
  readonly isSteady: boolean;
  /** It is asked for by its method alone: what the client has already, and which part it wants, plays no role. */
  readonly isUnconditional: boolean;
}

/** All that field lines say on one connection: every request that repeats them is told by its method and target. */
export interface LineFacts {
  /** Of the settings by which the rest was told. */
  readonly revision: number;
  readonly asker: Asker;
  /** How the URIs begin that are asked for (policy/key.ts). */
  readonly site: string;
  /** The client's own id, which each request has again. */
  readonly id: string | undefined;
  readonly forwarded: ForwardedFor;
  readonly directives: RequestDirectives;
  readonly aspects: Readonly<Record<PlainHead["method"], Aspect>>;
}

/** The same of a section that the lane has read. */
export interface SectionFacts extends LineFacts {
  readonly section: FieldSection;
}

export const factsOf = (
  section: FieldSection,
  peer: Connection,
  settings: ReadingSettings & OwnFieldSettings,
): SectionFacts => ({ section, ...lineFacts(section, peer, settings) });

/** `host` is the only Host that is given. */
export function lineFacts(
  { fields, host }: Pick<FieldSection, "fields" | "host">,
  peer: Connection,
  settings: ReadingSettings & OwnFieldSettings,
): LineFacts {
  const { forwarded, directives } = sectionFacts(fields, host, peer, settings);
  const aspect = (method: PlainHead["method"]): Aspect => {
    const facts = { method, fields, directives, hasBody: false };
    const answerable =
      tooMany(fields, settings) === undefined &&
      bypassReason(facts) === undefined &&
      !hasField(fields, DEBUG_FIELD);
    const stored = answerable ? aspectOf(facts) : undefined;
    return {
      facts,
      isUnconditional: stored === method,
      isSteady: !hasField(fields, "if-modified-since"),
      name:
        stored === undefined
          ? undefined
          : JSON.stringify([stored, operatorAspect(fields, settings), settings.revision]),
    };
  };
  return {
    revision: settings.revision,
    asker: new RequestAsker({ httpVersion: "1.1", rawHeaders: fields, socket: peer }, settings),
    site: primaryKey(forwarded.proto, forwarded.host, ""),
    id: givenId(fields),
    forwarded,
    directives,
    aspects: { GET: aspect("GET"), HEAD: aspect("HEAD") },
  };
}
