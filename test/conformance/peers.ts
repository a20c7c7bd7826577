/** Passes that the makers or the survey published on cache-tests.fyi, as they were read in November 2026. */
export interface Peer {
  readonly name: string;
  readonly required: number;
  readonly optimal: number;
}

export const PEERS: readonly Peer[] = [
  { name: "Apache Traffic Server", required: 132, optimal: 70 },
  { name: "Souin", required: 121, optimal: 44 },
  { name: "Varnish", required: 119, optimal: 45 },
  { name: "nginx", required: 99, optimal: 59 },
];

/** Of how many: theirs is the survey's current suite, not the package's. */
export const PEERS_SUITE = { required: 160, optimal: 105 };
