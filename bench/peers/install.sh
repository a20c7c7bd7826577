#!/bin/sh
# Installs what `make bench` compares Freshline with, where it is not there yet: Debian's nginx with Lua and srcache,
# Varnish, HAProxy, Traffic Server and wrk (needs root), and @fastify/reply-from beside this file (needs npm).
# None of the servers is started by it. What cannot be had is said, and the bench does without.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
say() { printf '%s\n' "$*" >&2; }

packages='nginx-light varnish haproxy trafficserver wrk libnginx-mod-http-lua libnginx-mod-http-srcache-filter'
policy=/usr/sbin/policy-rc.d
ours=''
# shellcheck disable=SC2317 # called by the traps
cleanup() { if [ -n "$ours" ]; then rm -f "$ours"; fi; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

as_root=''
if [ "$(id -u)" != 0 ]; then as_root='sudo -n'; fi

from_debian() {
  command -v apt-get >/dev/null 2>&1 || {
    say 'There is no apt-get here: install nginx, varnish, haproxy, trafficserver and wrk in this system'"'"'s own way.'
    return 1
  }
  if [ -n "$as_root" ] && ! $as_root true 2>/dev/null; then
    say "The packages need root: sudo apt-get install --no-install-recommends $packages"
    return 1
  fi
  # Debian starts what it installs; this file forbids that while it is there.
  if [ -z "$as_root" ] && [ ! -e "$policy" ] && printf '#!/bin/sh\nexit 101\n' >"$policy"; then
    ours=$policy
    chmod 755 "$policy"
  fi
  $as_root apt-get -qq update || say 'apt-get update failed; going on with the lists that are here.'
  failed=''
  for package in $packages; do
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$package" \
      >/dev/null || failed="$failed $package"
  done
  if [ -n "$failed" ]; then say "Not to be had:$failed"; return 1; fi
}

from_npm() {
  npm ci --prefix "$here" --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null ||
    { say 'npm did not bring @fastify/reply-from.'; return 1; }
}

code=0
from_debian || code=1
from_npm || code=1
exit "$code"
