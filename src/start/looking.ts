import { hostname } from "node:os";
import type { ShownStore } from "../admin/answers.ts";
import { createEntries } from "../cache/entries.ts";
import type { Purges } from "../cache/purges.ts";
import { createRollCall } from "../cache/roll-call.ts";
import type { OtherInstances } from "../cache/whereabouts.ts";
import { version } from "../config/package.ts";
import type { FixedConfig } from "../config.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { MemoryStore } from "../store/memory.ts";
import { memoryLeaves } from "../store/memory-leaves.ts";
import { entriesWithoutSecrets } from "./explained.ts";
import type { LiveSettings } from "./live-settings.ts";
import type { Shared } from "./shared.ts";

interface LookingDeps {
  readonly config: FixedConfig;
  readonly admission: LiveSettings["admission"];
  readonly memory: MemoryStore;
  readonly shared: Shared;
  readonly purges: Purges;
  readonly now: () => EpochMs;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
}

/** What an operator may see of the stores, without a part in any request. */
export function openLooking({ config, admission, memory, shared, purges, now, elapsed }: LookingDeps) {
  const began = { version: version(), since: now() };
  const { instances, others } = createRollCall(shared.others ?? ALONE, () => {
    const behindMs = shared.log.behindMs();
    return { ...began, epoch: purges.epoch, behind_ms: Number.isFinite(behindMs) ? behindMs : null };
  });
  const near = memoryLeaves(memory);
  const far = shared.leaves;
  const tiers = far === undefined ? [near] : config.CACHE_MEMORY_BYTES > 0 ? [near, far] : [far];
  const entries = createEntries({ tiers, purges, admission, now, elapsed });
  return {
    entries: async (asked: Parameters<typeof entries>[0]) => entriesWithoutSecrets(await entries(asked)),
    /** For who asks other instances something; absent where there are none. */
    others: shared.others === undefined ? undefined : others,
    async storeState(): Promise<ShownStore> {
      const [load, present] = await Promise.all([shared.load?.().catch(() => undefined), instances()]);
      const redis =
        load === undefined ? null : { keys: load.keys, used_bytes: load.usedBytes, max_bytes: load.maxBytes };
      return { redis, instances: present };
    },
  };
}

/** Where no Redis is shared nobody asks. */
const ALONE: OtherInstances = {
  name: `${hostname()}-${process.pid}`,
  answerWith: () => {},
  ask: async () => new Map(),
};
