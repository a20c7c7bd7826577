/** How the certificates of https origins are judged, and which one they are shown; all in PEM. */
export interface OriginTls {
  /** Who may vouch for an origin, in place of those that Node knows. */
  readonly ca?: string;
  /** Ours, where origins want to know who asks, with its key. */
  readonly cert?: string;
  readonly key?: string;
}
