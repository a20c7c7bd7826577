import type { Config } from "../config.ts";
import type { AdmissionSettings } from "../policy/admit.ts";
import type { OnStoreFailure } from "../policy/store-failure.ts";
import { type UnkeyedFields, unkeyedFields } from "../policy/unkeyed-fields.ts";
import type { AppSettings } from "../server/app.ts";
import { trustedPeers } from "../server/peer.ts";

/** How requests are read and answered. */
export interface RequestSettings extends AppSettings {
  /** Who may send PURGE (PURGE_ALLOW), and ask for traces (DEBUG_ALLOW); undefined where nobody may. */
  readonly purgeAllowed: ReturnType<typeof trustedPeers> | undefined;
  readonly debugAllowed: ReturnType<typeof trustedPeers> | undefined;
}

/** How leaders and followers go about it. */
export interface CachingSettings {
  readonly patienceMs: number;
  readonly onStoreFailure: OnStoreFailure;
}

/**
 * The settings that may change while the proxy serves, as the parts of the cache and of the server have
 * them: each object stays, and has new values after a reload. So a part reads them at each use.
 */
export interface LiveSettings {
  readonly admission: AdmissionSettings;
  readonly requests: RequestSettings;
  readonly caching: CachingSettings;
  /** Puts these in the place of what was. */
  apply(config: Config): void;
}

/** `mostBytes`: the longest body that any tier takes. */
export function liveSettings(config: Config, mostBytes: number): LiveSettings {
  const admission = admissionSettings(config, mostBytes);
  const requests = requestSettings(config, 0);
  const caching = cachingSettings(config);
  return {
    admission,
    requests,
    caching,
    apply(config) {
      Object.assign(admission, admissionSettings(config, mostBytes));
      Object.assign(requests, requestSettings(config, requests.revision + 1));
      Object.assign(caching, cachingSettings(config));
    },
  };
}

const admissionSettings = (config: Config, mostBytes: number): AdmissionSettings => ({
  defaultTtl: config.CACHE_DEFAULT_TTL,
  defaultStaleWhileRevalidate: config.CACHE_DEFAULT_STALE_WHILE_REVALIDATE,
  defaultStaleIfError: config.CACHE_DEFAULT_STALE_IF_ERROR,
  keepForValidation: config.CACHE_KEEP,
  maxTtl: config.CACHE_MAX_TTL,
  // What no tier takes must not be announced as stored.
  maxObjectBytes: Math.min(config.CACHE_MAX_OBJECT_BYTES, mostBytes),
  allowSetCookie: config.CACHE_SET_COOKIE,
  profile: config.CACHE_PROFILE,
  tagFields: lowerCase(config.CACHE_TAG_FIELDS),
  unkeyed: unkeyedOf(config),
});

const requestSettings = (config: Config, revision: number): RequestSettings => ({
  revision,
  clientDirectives: config.CACHE_CLIENT_DIRECTIVES,
  ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
  trustedProxies: trustedPeers(config.TRUSTED_PROXIES),
  defaultHost: "localhost",
  maxUrlBytes: config.MAX_URL_BYTES,
  maxHeaderCount: config.MAX_HEADER_COUNT,
  maxBodyBytes: config.MAX_BODY_BYTES,
  bodyTimeoutMs: config.BODY_TIMEOUT,
  corsOrigins: config.CORS_ORIGINS,
  securityHeaders: config.SECURITY_HEADERS,
  writeTimeoutMs: config.WRITE_TIMEOUT,
  tunnelIdleMs: config.TUNNEL_IDLE_TIMEOUT,
  purgeAllowed: config.PURGE_ALLOW.length === 0 ? undefined : trustedPeers(config.PURGE_ALLOW),
  debugAllowed: config.DEBUG_ALLOW.length === 0 ? undefined : trustedPeers(config.DEBUG_ALLOW),
});

const cachingSettings = (config: Config): CachingSettings => ({
  patienceMs: config.COALESCE_PATIENCE,
  onStoreFailure: config.CACHE_ON_STORE_FAILURE,
});

/** What becomes of request fields that are in no key. */
const unkeyedOf = (config: Config): UnkeyedFields =>
  unkeyedFields({
    stripped: lowerCase(config.UNKEYED_FIELDS_STRIP),
    keyed: lowerCase(config.CACHE_KEY_FIELDS),
    passed: lowerCase(config.UNKEYED_FIELDS_PASS),
  });

const lowerCase = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
