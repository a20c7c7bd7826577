import type { Row } from "./row.ts";
import { failingKeyRow, uncacheableRow } from "./rows/crowds.ts";
import { distinctUrlsRow } from "./rows/distinct-urls.ts";
import { followersRow } from "./rows/followers.ts";
import { hitRows } from "./rows/hit.ts";
import { logRow } from "./rows/log.ts";
import { longBodyRows } from "./rows/long-bodies.ts";
import { manyEntriesRow } from "./rows/many-entries.ts";
import { notModifiedRow } from "./rows/not-modified.ts";
import { passThroughRow } from "./rows/pass-through.ts";
import { redisFaultsRow } from "./rows/redis-faults.ts";
import { redisHitRows } from "./rows/redis-hit.ts";
import { slowConnectionsRow } from "./rows/slow-connections.ts";
import { stampedeRow } from "./rows/stampede.ts";
import { startRow } from "./rows/start.ts";
import { workersRow } from "./rows/workers.ts";

export const ROWS: readonly Row[] = [
  ...hitRows,
  notModifiedRow,
  logRow,
  ...redisHitRows,
  passThroughRow,
  stampedeRow,
  followersRow,
  manyEntriesRow,
  distinctUrlsRow,
  ...longBodyRows,
  slowConnectionsRow,
  failingKeyRow,
  uncacheableRow,
  redisFaultsRow,
  workersRow,
  startRow,
];
