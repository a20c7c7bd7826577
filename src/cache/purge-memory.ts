import { siteOf } from "../policy/key.ts";
import { searchGroup } from "../policy/no-vary-search.ts";
import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import { isGroup, tagName } from "../policy/tags.ts";
import { BoundedMap } from "./bounded-map.ts";
import { CoarseEpochs } from "./coarse-epochs.ts";
import type { PurgeMode, PurgeRecord, PurgeTarget } from "./ports/purge-log.ts";
import { Prefixes } from "./prefixes.ts";

/** How many targets of each kind are remembered one by one. */
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
 * Bounded: what is not remembered by its own name any longer is remembered of something wider, never
 * forgotten, since a write that was under way may reach the store after all of this. Deletions of URLs
 * and tags, of which clients may cause as many as they like, are told of all names with the same hash;
 * anything else of its site, or of everything.
 */
export class PurgeMemory {
  #everything = nothing();
  readonly #sites: BoundedMap<Said>;
  readonly #urls: BoundedMap<Said>;
  readonly #coarseUrls = new CoarseEpochs();
  readonly #paths: BoundedMap<Said>;
  readonly #prefixes: BoundedMap<Said>;
  readonly #prefixTree = new Prefixes<Said>();
  readonly #tags: BoundedMap<Said>;
  /** Of how many targets each name in `#tags` is the tag: of a response's tags most are in none. */
  readonly #tagNames = new Map<string, number>();
  readonly #coarseTags = new CoarseEpochs();
  #tagged = false;

  constructor(capacity = CAPACITY) {
    this.#sites = new BoundedMap(capacity.sites, (_, old) => this.#widen("", old));
    this.#urls = new BoundedMap(capacity.urls, (key, { deleted, stale }) => {
      this.#coarseUrls.raise(key, deleted);
      this.#widen(siteOf(key), { deleted: 0, stale });
    });
    this.#paths = new BoundedMap(capacity.paths, (_, old) => this.#widen("", old));
    this.#prefixes = new BoundedMap(capacity.prefixes, (prefix, old) => {
      this.#prefixTree.delete(prefix);
      this.#widen(siteOf(prefix), old);
    });
    this.#tags = new BoundedMap(capacity.tags, (key, { deleted, stale }) => {
      this.#countTag(key, -1);
      this.#coarseTags.raise(key, deleted);
      this.#widen(key.slice(0, key.indexOf(" ")), { deleted: 0, stale });
    });
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
        keep(this.#urls, target.key, said);
        break;
      case "path":
        keep(this.#paths, target.path, said);
        break;
      case "prefix":
        this.#keepPrefix((target.site ?? "") + target.path, said);
        break;
      case "site":
        keep(this.#sites, target.site, said);
        break;
      case "tag":
        this.#keepTag(tagKey(target.site ?? "", "tag", target.tag), said);
        break;
      case "group":
        this.#keepTag(tagKey(target.site, "group", target.group), said);
        break;
      case "everything":
        add(this.#everything, said);
        // Nothing of older purges is left to say.
        if (mode === "delete") {
          for (const map of this.#maps()) map.clear();
          for (const coarse of [this.#coarseUrls, this.#coarseTags]) coarse.clear();
          this.#prefixTree.clear();
          this.#tagNames.clear();
          this.#tagged = false;
        }
        break;
    }
  }

  /**
   * Since when has a response born then been stale by purges? NEVER where none covers it, EVER where
   * one has deleted it. `tags` are its own, where they are known already.
   */
  staleSince(key: string, epoch: Epoch, tags: readonly string[]): EpochMs {
    if (epoch < this.#coarseUrls.of(key)) return EVER;
    const url = this.#urls.get(key);
    let since = staleSince(this.#everything, epoch);
    if (url !== undefined) since = Math.min(since, staleSince(url, epoch));
    if (!this.#tagged && this.#sites.size + this.#paths.size + this.#prefixes.size === 0) return since;

    const heed = (said: Said | undefined) => {
      if (said !== undefined) since = Math.min(since, staleSince(said, epoch));
    };
    const site = siteOf(key);
    if (this.#sites.size > 0) heed(this.#sites.get(site));
    if (this.#paths.size > 0) heed(this.#paths.get(key.slice(site.length)));
    if (this.#prefixes.size > 0) {
      this.#prefixTree.visit(key, 0, heed);
      this.#prefixTree.visit(key, site.length, heed);
    }
    if (this.#tagged) {
      const heedTag = (key: string) => {
        if (epoch < this.#coarseTags.of(key)) since = EVER;
        heed(this.#tags.get(key));
      };
      for (const tag of tags) {
        const name = tagName(tag);
        if (this.#coarseTags.isEmpty && !this.#tagNames.has(name)) continue;
        heedTag(tagKey(site, "tag", name));
        heedTag(tagKey("", "tag", name));
        if (isGroup(tag)) heedTag(tagKey(site, "group", name));
      }
    }
    return since;
  }

  /** What purges have said of what these names lead to and is still remembered one by one, whenever it was born. */
  touching(key: string, tags: readonly string[]): PurgeRecord[] {
    const records: PurgeRecord[] = [];
    const tell = (target: PurgeTarget, said: Said | undefined) => {
      if (said === undefined) return;
      if (said.deleted > 0) records.push({ epoch: said.deleted, target, mode: "delete" });
      for (const { epoch, since } of said.stale)
        records.push({ epoch, target, mode: "invalidate", at: since });
    };
    const site = siteOf(key);
    const path = key.slice(site.length);
    tell({ type: "everything" }, this.#everything);
    tell({ type: "site", site }, this.#sites.get(site));
    tell({ type: "url", key }, this.#urls.get(key));
    tell({ type: "path", path }, this.#paths.get(path));
    const ofSite = (said: Said, end: number) =>
      tell({ type: "prefix", site, path: key.slice(site.length, end) }, said);
    this.#prefixTree.visit(key, 0, ofSite);
    this.#prefixTree.visit(key, site.length, (said, end) =>
      tell({ type: "prefix", path: key.slice(site.length, end) }, said),
    );
    for (const tag of tags) {
      const name = tagName(tag);
      tell({ type: "tag", site, tag: name }, this.#tags.get(tagKey(site, "tag", name)));
      tell({ type: "tag", tag: name }, this.#tags.get(tagKey("", "tag", name)));
      if (isGroup(tag))
        tell({ type: "group", site, group: name }, this.#tags.get(tagKey(site, "group", name)));
    }
    return records.sort((a, b) => b.epoch - a.epoch);
  }

  #keepPrefix(prefix: string, said: Said): void {
    const all = keep(this.#prefixes, prefix, said);
    if (this.#prefixes.get(prefix) !== undefined) this.#prefixTree.set(prefix, all);
  }

  #keepTag(key: string, said: Said): void {
    this.#tagged = true;
    // First, since it may have to go at once.
    if (this.#tags.get(key) === undefined) this.#countTag(key, 1);
    keep(this.#tags, key, said);
  }

  #countTag(key: string, more: 1 | -1): void {
    const name = nameIn(key);
    const count = (this.#tagNames.get(name) ?? 0) + more;
    if (count === 0) this.#tagNames.delete(name);
    else this.#tagNames.set(name, count);
  }

  /** Says it of the whole site; of everything where no site is named. */
  #widen(site: string, said: Said): void {
    if (site === "") add(this.#everything, said);
    else if (said.deleted > 0 || said.stale.length > 0) keep(this.#sites, site, said);
  }

  #maps(): readonly BoundedMap<Said>[] {
    return [this.#sites, this.#urls, this.#paths, this.#prefixes, this.#tags];
  }
}

/** Adds to what is said of a name, which thereby is the newest; answers all that is said of it now. */
function keep(map: BoundedMap<Said>, name: string, said: Said): Said {
  const all = add(map.get(name) ?? nothing(), said);
  map.set(name, all);
  return all;
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

const tagKey = (site: string, kind: "tag" | "group", name: string): string => `${site} ${kind} ${name}`;

const nameIn = (tagKey: string): string => tagKey.slice(tagKey.indexOf(" ", tagKey.indexOf(" ") + 1) + 1);

/** Who names one query means all that answers it: also what answers several, and is stored under another. */
function searchesOf(target: PurgeTarget): PurgeTarget | undefined {
  if (target.type !== "url" && target.type !== "path" && target.type !== "prefix") return undefined;
  const named = target.type === "url" ? target.key : target.path;
  const site = target.type === "prefix" ? (target.site ?? "") : siteOf(named);
  if (!named.includes("?")) return undefined;
  const tag = searchGroup(target.type === "url" ? named.slice(site.length) : named);
  return { type: "tag", tag, ...(site === "" ? {} : { site }) };
}
