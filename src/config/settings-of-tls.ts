import { integer, type Kind, list, milliseconds, oneOf, port, value } from "./kinds.ts";
import { setting } from "./setting.ts";

/* How connections begin: TLS, the version of HTTP, and what a proxy in front says of them. */

const path: Kind<string> = { name: "path", flag: "value", parse: value };

export const TLS = {
  TLS_PORT: setting(
    port,
    "3443",
    "The port that clients ask over TLS, once TLS_CERT is set; PORT stays open.",
  ),
  TLS_CERT: setting(
    list("paths", path),
    "",
    "Files with a certificate each and those that vouch for it, in PEM; the one that names the asked host is shown, else the first.",
  ),
  TLS_KEY: setting(
    list("paths", path),
    "",
    "Files with the private keys of those certificates, in PEM and without a password.",
  ),
  TLS_MIN_VERSION: setting(
    oneOf("TLSv1.2", "TLSv1.3"),
    "TLSv1.2",
    "The oldest version of TLS that is spoken.",
  ),
  TLS_WATCH_INTERVAL: setting(
    milliseconds("0s"),
    "10s",
    "How often those files are looked at for a change, which counts at once; 0s for never.",
  ),
  HTTP2: setting(oneOf("on", "off"), "on", "Offer HTTP/2 on TLS_PORT, beside HTTP/1.1."),
  HTTP2_STREAMS: setting(
    integer(1, 10_000),
    "100",
    "Requests under way at once on one connection of HTTP/2.",
  ),
  PROXY_PROTOCOL: setting(
    oneOf("on", "off"),
    "off",
    "TRUSTED_PROXIES begin each connection, on either port, with a PROXY header (version 1 or 2) that says who the client is.",
  ),
};
