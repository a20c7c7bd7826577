/** What kind of decision a code tells of. */
export type ReasonGroup =
  | "storing"
  | "not storing"
  | "serving"
  | "not serving"
  | "revalidating"
  | "bypassing"
  | "collapsing"
  | "purging"
  | "evicting"
  | "key parts ignored";

export interface ReasonRow {
  readonly group: ReasonGroup;
  /** For people. */
  readonly sentence: string;
  /** The clause or the setting that decided. */
  readonly decidedBy: string;
  /** What would change it. */
  readonly change: string;
}

export const row = (group: ReasonGroup, sentence: string, decidedBy: string, change: string): ReasonRow => ({
  group,
  sentence,
  decidedBy,
  change,
});
