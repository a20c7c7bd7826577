#!/bin/sh
# Finds a Redis on this machine, or brings one into .redis/ without root and without a daemon.
#   scripts/redis.sh --binary   prints the path of a server (Redis or Valkey)
#   scripts/redis.sh --cli      prints the path of its command line client
# The path is all that goes to stdout. Exit code 1 and one sentence when there is none.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
home="$root/.redis"
# One folder for each kind of machine: a checkout may be shared by several.
brought="$home/$(uname -s)-$(uname -m)"
work=''

say() { printf '%s\n' "$*" >&2; }

cleanup() { if [ -n "$work" ]; then rm -rf -- "$work"; fi; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

on_path() {
  for name in "$@"; do
    found=$(command -v "$name" 2>/dev/null) || continue
    case $found in /*) printf '%s\n' "$found"; return 0 ;; esac
  done
  return 1
}

works() { [ -x "$1" ] && "$1" --version >/dev/null 2>&1; }

can_extract() {
  for tool in apt-get apt-cache dpkg dpkg-query ldd; do
    command -v "$tool" >/dev/null 2>&1 || return 1
  done
}

# The system's package lists when they know redis, else private ones: they may be empty, stale or unreadable.
apt_download() (
  lists=$1
  if [ "$lists" = private ]; then
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" || exit 1
    set -- -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  else
    set --
  fi
  set -- "$@" -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Acquire::Retries=1 \
    -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15
  if [ "$lists" = private ]; then
    bounded 180 apt-get -qq "$@" update >>"$work/log" 2>&1 || exit 1
  fi
  depends=$(apt-cache "$@" depends redis-tools 2>>"$work/log" | sed -n 's/^ *Depends: \(lib[^ :]*\).*/\1/p')
  [ -n "$depends" ] || exit 1
  wanted='redis-server redis-tools'
  for package in $depends; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
      installed) ;;
      *) wanted="$wanted $package" ;;
    esac
  done
  cd "$work/packages" || exit 1
  # shellcheck disable=SC2086 # a list of package names
  bounded 180 apt-get -qq "$@" download $wanted >>"$work/log" 2>&1
)

# In the foreground, so that what stops this script stops the download too.
bounded() {
  limit=$1
  shift
  if command -v timeout >/dev/null 2>&1; then timeout --foreground "$limit" "$@"; else "$@"; fi
}

# Debian's server is redis-check-rdb under another name: it looks at the name that it was started by.
write_wrapper() {
  cat >"$work/tree/$1" <<'WRAPPER'
#!/bin/sh
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for libraries in "$here"/usr/lib/*-linux-gnu* "$here"/usr/lib; do
  if [ -d "$libraries" ]; then LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
done
export LD_LIBRARY_PATH
exec "$here/usr/bin/$(basename -- "$0")" "$@"
WRAPPER
  chmod +x "$work/tree/$1"
}

extract() {
  say "Redis is not on this machine: bringing it into .redis/ from the system's package archive (once) ..."
  mkdir -p "$home" || return 1
  work=$(mktemp -d "$home/bringing.XXXXXX") || return 1
  chmod 755 "$work"
  mkdir "$work/packages" "$work/tree" || return 1
  apt_download system || { rm -f "$work/packages"/*; apt_download private; } || {
    say "The package archive gave no Redis: $(tail -n 1 "$work/log" 2>/dev/null)"
    return 1
  }
  for package in "$work/packages"/*.deb; do
    dpkg -x "$package" "$work/tree" 2>>"$work/log" || return 1
  done
  if [ ! -e "$work/tree/usr/bin/redis-server" ]; then
    ln -s redis-check-rdb "$work/tree/usr/bin/redis-server" || return 1
  fi
  write_wrapper redis-server && write_wrapper redis-cli || return 1
  works "$work/tree/redis-server" || {
    say "The Redis of the package archive does not start here: $("$work/tree/redis-server" --version 2>&1 | head -n 1)"
    return 1
  }
  # A rename is atomic: of two runs at once the second finds the first one's, and keeps that.
  mv -T "$work/tree" "$brought" 2>/dev/null || works "$brought/redis-server"
}

bring() {
  works "$brought/redis-server" && return 0
  can_extract || return 1
  if [ -e "$brought" ]; then
    stale=$(mktemp -d "$home/stale.XXXXXX") && mv "$brought" "$stale/" 2>/dev/null
    rm -rf -- "$stale"
  fi
  extract
}

missing() {
  if [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null 2>&1; then
    say 'No Redis was found: `brew install redis` brings one.'
  else
    say 'No Redis was found and none could be brought: install redis-server or valkey-server, or set REDIS_URL.'
  fi
  exit 1
}

case ${1-} in
  --binary) on_path redis-server valkey-server || { bring && printf '%s\n' "$brought/redis-server"; } || missing ;;
  --cli) on_path redis-cli valkey-cli || { bring && printf '%s\n' "$brought/redis-cli"; } || missing ;;
  *)
    say 'usage: scripts/redis.sh --binary | --cli'
    exit 2
    ;;
esac
