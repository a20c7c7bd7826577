import { ADMIN } from "./admin.ts";
import { BOUNDS } from "./bounds.ts";
import { CONNECTIONS } from "./connections.ts";
import type { Defence } from "./defence.ts";
import { FLEET } from "./fleet.ts";
import { H2 } from "./h2.ts";
import { LANE_OF_ORIGINS } from "./lane-of-origins.ts";
import { LIMITS } from "./limits.ts";
import { ORIGINS } from "./origins.ts";
import { POISONING } from "./poisoning.ts";
import { PROCESS } from "./process.ts";
import { REDIS } from "./redis.ts";
import { REDIS_VALUES } from "./redis-values.ts";
import { REQUESTS } from "./requests.ts";
import { STANDING } from "./standing.ts";
import { TLS } from "./tls.ts";
import { UNKEYED } from "./unkeyed.ts";

/** Every defence that a test is known to miss when it is gone, in the order of the documents. */
export const DEFENCES: readonly Defence[] = [
  ...REQUESTS,
  ...CONNECTIONS,
  ...LIMITS,
  ...H2,
  ...TLS,
  ...UNKEYED,
  ...POISONING,
  ...ADMIN,
  ...ORIGINS,
  ...LANE_OF_ORIGINS,
  ...STANDING,
  ...REDIS,
  ...REDIS_VALUES,
  ...BOUNDS,
  ...FLEET,
  ...PROCESS,
];
