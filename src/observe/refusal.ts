import type { Reason, RefusalReason } from "../policy/outcome.ts";

/** The compiler keeps this list complete. */
const REFUSALS: Readonly<Record<RefusalReason, true>> = {
  no_healthy_origin: true,
  origin_unreachable: true,
  origin_certificate: true,
  origin_timeout: true,
  origin_error: true,
  origin_overloaded: true,
  only_if_cached: true,
  too_many_connections: true,
  bad_request: true,
  purge_forbidden: true,
  store_unavailable: true,
  internal_error: true,
};

/** Did we make this answer ourselves, because neither cache nor origin had one? */
export const isRefusal = (reason: Reason | undefined): reason is RefusalReason =>
  reason !== undefined && Object.hasOwn(REFUSALS, reason);
