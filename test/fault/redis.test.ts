import { afterAll, it } from "vitest";
import { endure } from "./endure.ts";
import {
  ANSWERS_OUT_OF_STEP,
  NETWORK_FAULTS,
  OWN_KEYS_OF_ANOTHER_TYPE,
  REPLICA_FAULTS,
  type RedisFault,
  SERVER_FAULTS,
  VALUE_FAULTS,
} from "./redis-faults.ts";
import { freshRedis, setStage, stopRedis } from "./stage.ts";

afterAll(stopRedis);

/** How long hits may be away after the fault. */
const RECOVERY_MS = 3000;

const FAULTS: readonly RedisFault[] = [
  ...NETWORK_FAULTS,
  ...ANSWERS_OUT_OF_STEP,
  ...REPLICA_FAULTS,
  ...SERVER_FAULTS,
  ...VALUE_FAULTS,
  OWN_KEYS_OF_ANOTHER_TYPE,
];

it.each(FAULTS)("a Redis that $name costs hits, and nothing else", async (fault) => {
  await endure(await setStage(await freshRedis()), fault, RECOVERY_MS);
});
