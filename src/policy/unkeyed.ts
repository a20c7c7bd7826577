/**
 * What of a request can change an origin's answer and is in no key, and what becomes of it.
 *
 * A stored answer goes to everybody who asks for its key. So whatever an attacker can put beside the
 * key must not reach an origin, or become a part of the key, or keep the answer from being stored.
 */
export type Treatment =
  /** No origin gets it. */
  | "stripped"
  /** No origin gets it with a GET or HEAD; with other methods it is passed, and the answer is not stored. */
  | "stripped-if-safe"
  /** It selects among the stored answers, as if Vary named it (RFC 9111 §4.1). */
  | "keyed"
  /** It is passed, and the answer is stored only where its Vary names the field. */
  | "alone"
  /** It is passed, and the answer is stored only where RFC 9111 §3.5 allows it for Authorization, or Vary names it. */
  | "credential"
  /** It is passed, and documents that deceive by their name are not stored. */
  | "cookie"
  /** It is passed, and selects where the answer's Vary names it: an origin that goes by it has to say so. */
  | "as-vary-says";

export interface UnkeyedRow {
  /** Names in lower case; a `*` at the end stands for any ending, `*_*` for any name with such a character. */
  readonly fields: readonly string[];
  readonly treatment: Treatment;
  /** What origins do by it, and so why. */
  readonly because: string;
}

/** In the order in which docs/security.md shows them; the first row that has a name decides. */
export const UNKEYED: readonly UnkeyedRow[] = [
  {
    fields: ["x-forwarded-*", "forwarded", "x-forward-for", "forwarded-for", "x-forwarded"],
    treatment: "stripped",
    because:
      "Links, redirects and cookies are made of them. For, Host and Proto are written anew, from what TRUSTED_PROXIES say or the connection",
  },
  {
    fields: [
      "x-host",
      "x-http-host-override",
      "x-original-host",
      "x-real-host",
      "x-backend-host",
      "x-gateway-host",
      "x-server-name",
      "host-name",
      "proxy-host",
    ],
    treatment: "stripped",
    because: "A host beside Host: links and resets of passwords that lead to an attacker's",
  },
  {
    fields: [
      "x-original-url",
      "x-original-uri",
      "x-rewrite-url",
      "x-rewrite-uri",
      "x-override-url",
      "x-request-uri",
      "request-uri",
      "x-proxy-url",
      "x-http-destinationurl",
      "x-http-path-override",
      "x-ms-original-url",
      "x-waws-unencoded-url",
      "x-envoy-original-path",
      "x-accel-internal",
      "x-matched-path",
    ],
    treatment: "stripped",
    because:
      "Another path than the key's: its page would be stored under this one, and its access rules passed by",
  },
  {
    fields: [
      "x-script-name",
      "script-name",
      "path-info",
      "base-url",
      "x-base-url",
      "x-context-path",
      "x-prefix",
    ],
    treatment: "stripped",
    because: "What relative links begin with",
  },
  {
    fields: [
      "x-scheme",
      "x-url-scheme",
      "x-proto",
      "x-protocol",
      "front-end-https",
      "x-https",
      "x-arr-ssl",
      "cloudfront-forwarded-proto",
    ],
    treatment: "stripped",
    because: "A scheme beside the key's: a redirect to itself, stored, is an outage",
  },
  {
    fields: ["x-http-method", "x-http-method-override", "x-method-override"],
    treatment: "stripped-if-safe",
    because: "A GET that is taken for another method: its error or its empty answer would be the page",
  },
  {
    fields: [
      "x-real-ip",
      "x-client-ip",
      "client-ip",
      "true-client-ip",
      "x-cluster-client-ip",
      "x-originating-ip",
      "x-remote-ip",
      "x-remote-addr",
      "cf-connecting-ip",
      "cf-connecting-ipv6",
      "cf-ipcountry",
      "fastly-client-ip",
      "x-appengine-country",
      "x-appengine-city",
      "x-geo-country",
    ],
    treatment: "stripped",
    because: "An address or country that a client claims; the one that is known is in X-Forwarded-For",
  },
  {
    fields: [
      "x-invoke-*",
      "x-middleware-*",
      "x-now-route-matches",
      "x-nextjs-cache-tags",
      "x-prerender-revalidate",
      "x-next-resume",
      "x-nextjs-html-request-id",
      "x-vercel-*",
    ],
    treatment: "stripped",
    because:
      "What parts of a framework tell one another: an error page, another path, or a passed-by check on demand",
  },
  {
    fields: ["surrogate-capability", "x-sendfile-type", "x-accel-mapping", "proxy"],
    treatment: "stripped",
    because:
      "What a hop before the origin can do (ESI, sending files) is this hop's to say; Proxy becomes HTTP_PROXY in CGI",
  },
  {
    fields: ["*_*"],
    treatment: "stripped",
    because:
      "CGI, WSGI and PHP read X_Host and X.Host as X-Host: a name with other characters than letters, digits and dashes is another spelling of one in this table or in Vary",
  },
  {
    fields: [
      "x-requested-with",
      "x-pjax",
      "x-pjax-container",
      "x-inertia",
      "x-inertia-partial-data",
      "hx-request",
      "hx-target",
      "turbo-frame",
      "x-up-target",
      "rsc",
      "next-router-state-tree",
      "next-router-prefetch",
      "next-url",
      "x-nextjs-data",
      "x-sveltekit-invalidated",
    ],
    treatment: "alone",
    because: "A part of a page, or its data, in place of the page",
  },
  {
    fields: ["x-debug", "x-debug-token", "x-preview", "x-draft", "x-api-version", "api-version"],
    treatment: "alone",
    because: "Another edition of the page",
  },
  {
    fields: ["cookie"],
    treatment: "cookie",
    because:
      "Who asks. A document under the name of a style, script or picture (/account/x.css) is never stored; of all else the answer says whose it is: private, or its lifetime",
  },
  {
    fields: [
      "authorization",
      "x-api-key",
      "api-key",
      "x-auth-token",
      "x-access-token",
      "x-csrf-token",
      "private-token",
      "x-amz-security-token",
      "remote-user",
      "x-remote-user",
      "x-user",
      "x-user-id",
      "x-authenticated-user",
      "x-auth-request-*",
      "x-webauth-user",
      "x-ssl-client-*",
      "ssl-client-*",
      "x-client-cert",
      "client-cert",
      "cf-access-jwt-assertion",
      "x-goog-iap-jwt-assertion",
      "x-amzn-oidc-data",
    ],
    treatment: "credential",
    because: "Who asks",
  },
  {
    fields: ["accept-encoding"],
    treatment: "keyed",
    because: "Where an answer has a Content-Encoding and its Vary does not name the field",
  },
  {
    fields: ["origin"],
    treatment: "keyed",
    because: "Where an answer's Access-Control-Allow-Origin names one and its Vary does not name the field",
  },
  {
    fields: [
      "accept",
      "accept-language",
      "user-agent",
      "referer",
      "save-data",
      "sec-*",
      "dnt",
      "traceparent",
    ],
    treatment: "as-vary-says",
    because:
      "Every browser sends them, and keyed or not stored there would be no cache. CACHE_KEY_FIELDS is for origins that go by one and do not say so",
  },
];
