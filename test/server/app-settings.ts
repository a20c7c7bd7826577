import type { AppSettings } from "../../src/server/app.ts";
import { trustedPeers } from "../../src/server/peer.ts";

/** What an app may be made with where a test cares for none of it, or for some. */
export const APP_SETTINGS: AppSettings = {
  revision: 0,
  clientDirectives: "ignore",
  ignoredParameters: [],
  trustedProxies: trustedPeers([]),
  defaultHost: "localhost",
  maxUrlBytes: 8192,
  maxHeaderCount: 100,
  maxBodyBytes: 1e6,
  bodyTimeoutMs: 1000,
  corsOrigins: [],
  securityHeaders: false,
  writeTimeoutMs: 1000,
  tunnelIdleMs: 1000,
};
