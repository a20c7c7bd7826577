import { siteOf } from "../policy/key.ts";
import { searchGroup } from "../policy/no-vary-search.ts";
import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import type { PurgeMode, PurgeTarget } from "./ports.ts";
import { Prefixes } from "./prefixes.ts";

/** How many targets of each kind are remembered one by one; beyond, the oldest is told of its site, or of all. */
const CAPACITY = { urls: 10_000, paths: 10_000, prefixes: 10_000, sites: 10_000, tags: 100_000 };

/** What is older than `epoch` has been stale since `since`. */
interface Staleness {
  readonly epoch: Epoch;
  readonly since: EpochMs;
}

/** All that purges have said of one target. */
interface Said {
  /** What is older is deleted. */
  deleted: Epoch;
  /** At most two, the newest first. */
  stale: readonly Staleness[];
}

export const NEVER: EpochMs = Number.POSITIVE_INFINITY;
export const EVER: EpochMs = Number.NEGATIVE_INFINITY;

/**
 * What do all the purges so far say of one response?
 *
 * Bounded: what is not remembered by its own name any longer is remembered of something wider. The
 * one exception is a deleted URL, which has been freed in the store itself; see `coversFetch`.
 */
export class PurgeMemory {
  #everything = nothing();
  readonly #sites = new Map<string, Said>();
  readonly #urls = new Map<string, Said>();
  readonly #paths = new Map<string, Said>();
  readonly #prefixes = new Map<string, Said>();
  readonly #prefixTree = new Prefixes<Said>();
  readonly #tags = new Map<string, Said>();
  /** The newest deletion of a URL that is no longer remembered. */
  #forgotten: Epoch = 0;
  readonly #capacity: typeof CAPACITY;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** How many targets are remembered. */
  get size(): number {
    return this.#maps().reduce((sum, map) => sum + map.size, 0);
  }

  /** Everything that is older is deleted. */
  raise(floor: Epoch): void {
    this.#everything.deleted = Math.max(this.#everything.deleted, floor);
  }

  /** `since`: the moment of the purge. */
  remember(target: PurgeTarget, mode: PurgeMode, epoch: Epoch, since: EpochMs): void {
    const search = searchesOf(target);
    if (search !== undefined) this.remember(search, mode, epoch, since);
    const said: Said =
      mode === "delete" ? { deleted: epoch, stale: [] } : { deleted: 0, stale: [{ epoch, since }] };
    switch (target.type) {
      case "url":
        this.#keep(this.#urls, target.key, said, this.#capacity.urls, (key, { deleted, stale }) => {
          this.#forgotten = Math.max(this.#forgotten, deleted);
          if (stale.length > 0) this.#widen(siteOf(key), { deleted: 0, stale });
        });
        break;
      case "path":
        this.#keep(this.#paths, target.path, said, this.#capacity.paths, (_, old) => this.#widen("", old));
        break;
      case "prefix":
        this.#keepPrefix((target.site ?? "") + target.path, said);
        break;
      case "site":
        this.#keepSite(target.site, said);
        break;
      case "tag":
        this.#keep(
          this.#tags,
          groupKey(target.site ?? "", target.tag),
          said,
          this.#capacity.tags,
          (name, old) => this.#widen(name.slice(0, name.indexOf(" ")), old),
        );
        break;
      case "everything":
        add(this.#everything, said);
        // Nothing of older purges is left to say.
        if (mode === "delete") {
          for (const map of this.#maps()) map.clear();
          this.#prefixTree.clear();
        }
        break;
    }
  }

  /**
   * Since when has a response born then been stale by purges? NEVER where none covers it, EVER where
   * one has deleted it. `tags` are its groups, where they are known already.
   */
  staleSince(key: string, epoch: Epoch, tags: readonly string[]): EpochMs {
    const url = this.#urls.get(key);
    let since = staleSince(this.#everything, epoch);
    if (url !== undefined) since = Math.min(since, staleSince(url, epoch));
    if (this.#sites.size + this.#paths.size + this.#prefixes.size + this.#tags.size === 0) return since;

    const heed = (said: Said | undefined) => {
      if (said !== undefined) since = Math.min(since, staleSince(said, epoch));
    };
    const site = siteOf(key);
    heed(this.#sites.get(site));
    if (this.#paths.size > 0) heed(this.#paths.get(key.slice(site.length)));
    if (this.#prefixes.size > 0) {
      this.#prefixTree.visit(key, 0, heed);
      this.#prefixTree.visit(key, site.length, heed);
    }
    if (this.#tags.size > 0) {
      for (const tag of tags) {
        heed(this.#tags.get(groupKey(site, tag)));
        heed(this.#tags.get(groupKey("", tag)));
      }
    }
    return since;
  }

  /** Was a fetch that began then of a URL whose deletion nobody remembers any longer? Perhaps. */
  mayHaveForgotten(epoch: Epoch): boolean {
    return epoch < this.#forgotten;
  }

  /** Adds to what is said of a name, which thereby is the newest; `fold` gets the oldest when there is one too many. */
  #keep(
    map: Map<string, Said>,
    name: string,
    said: Said,
    capacity: number,
    fold: (oldest: string, old: Said) => void,
  ): void {
    const known = map.get(name) ?? nothing();
    map.delete(name);
    map.set(name, add(known, said));
    if (map.size <= capacity) return;
    for (const [oldest, old] of map) {
      map.delete(oldest);
      fold(oldest, old);
      return;
    }
  }

  #keepPrefix(prefix: string, said: Said): void {
    this.#keep(this.#prefixes, prefix, said, this.#capacity.prefixes, (oldest, old) => {
      this.#prefixTree.delete(oldest);
      this.#widen(siteOf(oldest), old);
    });
    const kept = this.#prefixes.get(prefix);
    if (kept !== undefined) this.#prefixTree.set(prefix, kept);
  }

  #keepSite(site: string, said: Said): void {
    this.#keep(this.#sites, site, said, this.#capacity.sites, (_, old) => this.#widen("", old));
  }

  /** Says it of the whole site; of everything where no site is named. */
  #widen(site: string, said: Said): void {
    if (site === "") add(this.#everything, said);
    else this.#keepSite(site, said);
  }

  #maps(): readonly Map<string, Said>[] {
    return [this.#sites, this.#urls, this.#paths, this.#prefixes, this.#tags];
  }
}

const nothing = (): Said => ({ deleted: 0, stale: [] });

function staleSince({ deleted, stale }: Said, epoch: Epoch): EpochMs {
  if (epoch < deleted) return EVER;
  let since = NEVER;
  for (const claim of stale) if (epoch < claim.epoch) since = Math.min(since, claim.since);
  return since;
}

/**
 * Adds one to the other, in place. Of more than two moments the oldest are told as one, the earliest
 * of them: so what was stored since the last purge but one is stale from the right moment, and what
 * is older never seems fresher for being purged again.
 */
function add(said: Said, more: Said): Said {
  said.deleted = Math.max(said.deleted, more.deleted);
  const [newest, second, ...older] = [...said.stale, ...more.stale].sort((a, b) => b.epoch - a.epoch);
  if (newest === undefined) return said;
  const since = Math.min(...[second, ...older].map((claim) => claim?.since ?? NEVER));
  said.stale = second === undefined ? [newest] : [newest, { epoch: second.epoch, since }];
  return said;
}

const groupKey = (site: string, tag: string): string => `${site} ${tag}`;

/** Who names one query means all that answers it: also what answers several, and is stored under another. */
function searchesOf(target: PurgeTarget): PurgeTarget | undefined {
  if (target.type !== "url" && target.type !== "path" && target.type !== "prefix") return undefined;
  const named = target.type === "url" ? target.key : target.path;
  const site = target.type === "prefix" ? (target.site ?? "") : siteOf(named);
  if (!named.includes("?")) return undefined;
  const tag = searchGroup(target.type === "url" ? named.slice(site.length) : named);
  return { type: "tag", tag, ...(site === "" ? {} : { site }) };
}
