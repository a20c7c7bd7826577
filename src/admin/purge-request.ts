import type { PurgeMode, PurgeTarget } from "../cache/ports/purge-log.ts";
import { sitesOf, withoutParameters } from "../policy/key.ts";
import { MAX_TAG_LENGTH } from "../policy/tags.ts";
import { ApiError } from "./errors.ts";
import { isHost, MAX_URLS, membersOf, type NamedTarget, namedTarget, parseUrls } from "./targets.ts";

/**
 * What does a request to the admin API want to have purged, and how?
 *
 * A host is purged under http and https alike: where a proxy in front of this one ends TLS, nobody
 * outside knows under which of them it is stored.
 */
export interface PurgeRequest {
  readonly targets: readonly PurgeTarget[];
  readonly mode: PurgeMode;
  /** Primary keys to fetch again; empty unless that is wanted. */
  readonly refresh: readonly string[];
}

type Mode = PurgeMode | "refresh";

interface Reading {
  /** What primary keys do not contain (CACHE_KEY_IGNORE_PARAMS). */
  readonly ignoredParameters: readonly string[];
  /** Fastly-Soft-Purge; counts where the body names no mode. */
  readonly soft: string | undefined;
}

const EVERYTHING: PurgeTarget = { type: "everything" };
const TARGET_MEMBERS = ["url", "prefix", "host", "tag", "everything"];

/** The body of POST /purge. Throws ApiError 400 for anything that is not understood in full. */
export function parsePurge(body: unknown, reading: Reading): PurgeRequest {
  const members = membersOf(body, ["targets", "mode", "urls", "everything"]);
  const { targets = [], everything = false, urls = [] } = members;
  if (typeof everything !== "boolean") throw wrong('"everything" must be true or false');
  if (!Array.isArray(targets)) throw wrong('"targets" must be a list of objects');
  if (targets.length > MAX_URLS) throw wrong(`"targets" must be at most ${MAX_URLS}`);
  const mode = members["mode"] === undefined ? softly(reading.soft) : modeOf(members["mode"]);
  const named = [
    ...parseUrls(urls).flatMap((url) => urlTargets(namedTarget(url), reading)),
    ...targets.flatMap((target) => targetsOf(target, reading)),
  ];
  if (everything) named.push(EVERYTHING);
  if (named.length === 0) throw wrong('name what to purge: "targets", "urls" or "everything"');
  return purgeOf(named, mode);
}

/** DELETE /cache/…. Throws ApiError 400. */
export const parseDelete = (named: NamedTarget, reading: Reading): PurgeRequest =>
  purgeOf(urlTargets(named, reading), softly(reading.soft));

function purgeOf(named: readonly PurgeTarget[], mode: Mode): PurgeRequest {
  const targets = named.some(({ type }) => type === "everything") ? [EVERYTHING] : distinct(named);
  if (mode !== "refresh") return { targets, mode, refresh: [] };
  const keys = targets.flatMap((target) => (target.type === "url" ? [target.key] : []));
  if (keys.length < targets.length) throw wrong('mode "refresh" is for URLs with a host alone');
  return { targets, mode: "invalidate", refresh: keys };
}

const distinct = (targets: readonly PurgeTarget[]): PurgeTarget[] => [
  ...new Map(targets.map((target) => [JSON.stringify(target), target])).values(),
];

function modeOf(value: unknown): Mode {
  if (value === "delete" || value === "invalidate" || value === "refresh") return value;
  throw wrong('"mode" must be "delete", "invalidate" or "refresh"');
}

function softly(value: string | undefined): PurgeMode {
  if (value === undefined || value === "0") return "delete";
  if (value === "1") return "invalidate";
  throw wrong("Fastly-Soft-Purge must be 1 or absent");
}

/** One of `targets`: an object that names one thing. */
function targetsOf(value: unknown, reading: Reading): PurgeTarget[] {
  const { url, prefix, host, tag, everything } = membersOf(value, TARGET_MEMBERS);
  const count = [url, prefix, tag, everything].filter((member) => member !== undefined).length;
  if (count + (host === undefined || tag !== undefined ? 0 : 1) !== 1)
    throw wrong(
      'a target names one of "url", "prefix", "host", "tag" and "everything"; a tag may have a host',
    );
  if (everything !== undefined) {
    if (everything !== true) throw wrong('"everything" must be true in a target');
    return [EVERYTHING];
  }
  if (url !== undefined) return urlTargets(namedTarget(textOf(url, "url")), reading);
  if (prefix !== undefined) return prefixTargets(namedTarget(textOf(prefix, "prefix")));
  const sites = host === undefined ? undefined : namedSites(textOf(host, "host"));
  if (tag === undefined) return (sites ?? []).map((site) => ({ type: "site", site }));
  // Field values are bytes, one to a character.
  const name = Buffer.from(textOf(tag, "tag"), "utf8").toString("latin1");
  if (name === "" || name.length > MAX_TAG_LENGTH) throw wrong('"tag" must not be empty, nor endless');
  return sites === undefined
    ? [{ type: "tag", tag: name }]
    : sites.map((site) => ({ type: "tag", site, tag: name }));
}

function textOf(value: unknown, member: string): string {
  if (typeof value === "string") return value;
  throw wrong(`"${member}" must be a string`);
}

function urlTargets({ target, host }: NamedTarget, { ignoredParameters }: Reading): PurgeTarget[] {
  const path = withoutParameters(target, ignoredParameters);
  if (host === undefined) return [{ type: "path", path }];
  return sitesOf(host).map((site) => ({ type: "url", key: site + path }));
}

const prefixTargets = ({ target: path, host }: NamedTarget): PurgeTarget[] =>
  host === undefined
    ? [{ type: "prefix", path }]
    : sitesOf(host).map((site) => ({ type: "prefix", site, path }));

/** `shop.example`, with or without a port, scheme or final slash. */
function namedSites(value: string): string[] {
  const host = value.replace(/^https?:\/\//i, "").replace(/\/$/, "");
  if (!isHost(host)) throw wrong(`not a host: ${JSON.stringify(value.slice(0, 200))}`);
  return sitesOf(host);
}

const wrong = (message: string): ApiError => new ApiError(400, "bad_request", message);
