#!/usr/bin/env bash
# Installs what this machine misses, and nothing it has. Safe to run any number of times.
#
#   scripts/bootstrap.sh run    what `make up` needs: Postgres binaries, Node to build the page
#   scripts/bootstrap.sh test   that, plus a C compiler (race detector), Chromium, docker-compose, Caddy and disk
#                               tools; on Linux the tests themselves need root or sudo, for the disks they mount
#
# Debian and Ubuntu through apt (with sudo when not root), macOS through Homebrew.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}

say() { printf '%s\n' "bootstrap: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif has sudo; then sudo "$@"; else
    say "need root to run: $*"
    say "run it yourself (or install sudo), then repeat"
    exit 1
  fi
}

has_postgres() {
  [ -n "${SPECTER_DATABASE_URL:-}" ] && return 0
  [ -n "${SPECTER_POSTGRES_BIN:-}" ] && return 0
  has initdb && has postgres && return 0
  local dir
  for dir in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
    [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return 0
  done
  return 1
}

has_chromium() {
  has chromium || has chromium-browser || has google-chrome || [ -d "/Applications/Google Chrome.app" ] || [ -d "/Applications/Chromium.app" ]
}

# Vite 8 needs Node 20.19 or newer.
has_node() {
  has npm && has node && node -e 'const [a,b]=process.versions.node.split(".").map(Number); process.exit(a>20||(a===20&&b>=19)?0:1)'
}

updated=
apt_update() {
  if [ -z "$updated" ]; then root env DEBIAN_FRONTEND=noninteractive apt-get update -qq; updated=yes; fi
}

apt_install() {
  apt_update
  root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Caddy's package would start a server of its own: only the program is wanted, for the tests.
fetch_caddy() {
  local dir
  dir=$(mktemp -d)
  apt_update
  (cd "$dir" && apt-get -qq -o APT::Sandbox::User=root download caddy && dpkg-deb -x caddy_*.deb .) >&2
  mkdir -p .tools/bin
  cp "$dir/usr/bin/caddy" .tools/bin/caddy
  rm -r "$dir"
}

debian() {
  if ! has_postgres; then
    say "installing Postgres"
    # Only the binaries are wanted: keep the package from starting a server of its own.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
      root mkdir -p /etc/postgresql-common
      printf 'create_main_cluster = false\n' | root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    apt_install postgresql
  fi
  if ! has npm || ! has node; then say "installing Node"; apt_install nodejs npm; fi
  if [ "$purpose" = test ]; then
    has gcc || { say "installing a C compiler"; apt_install gcc libc6-dev; }
    has_chromium || { say "installing Chromium"; apt_install chromium; }
    has docker-compose || { say "installing docker-compose (only to check docker-compose.yml)"; apt_install docker-compose; }
    has caddy || [ -x .tools/bin/caddy ] || { say "fetching Caddy (to try deploy/caddy/Caddyfile)"; fetch_caddy; }
    has mkfs.ext4 || [ -x /sbin/mkfs.ext4 ] || { say "installing e2fsprogs (disks for the fault matrix)"; apt_install e2fsprogs mount; }
    has ps || { say "installing procps"; apt_install procps; }
    has python3 || { say "installing Python (to try a receiver of webhooks)"; apt_install python3-minimal; }
  fi
}

macos() {
  if ! has brew; then say "needs Homebrew (https://brew.sh)"; exit 1; fi
  has_postgres || { say "installing Postgres"; brew install postgresql@17; }
  has npm || { say "installing Node"; brew install node; }
  if [ "$purpose" = test ]; then
    has cc || { say "needs the command line tools: xcode-select --install"; exit 1; }
    has_chromium || { say "installing Chromium"; brew install --cask chromium; }
    has docker-compose || { say "installing docker-compose (only to check docker-compose.yml)"; brew install docker-compose; }
    has caddy || { say "installing Caddy (only to try deploy/caddy/Caddyfile)"; brew install caddy; }
    has python3 || { say "installing Python (to try a receiver of webhooks)"; brew install python; }
  fi
}

has go || { say "needs Go 1.26 or newer (https://go.dev/dl)"; exit 1; }
case "$(uname -s)" in
  Linux)
    # Asked for now rather than in the middle of the tests.
    if [ "$purpose" = test ] && [ "$(id -u)" -ne 0 ] && ! { has sudo && sudo true; }; then
      say "the tests mount small disk images: run them as root, or as somebody who may use sudo"
      exit 1
    fi
    if has apt-get; then debian; else
      has_postgres || { say "install PostgreSQL 15 or newer with your package manager"; exit 1; }
      has npm || { say "install Node 20.19 or newer with your package manager"; exit 1; }
    fi ;;
  Darwin) macos ;;
  *) say "unknown system $(uname -s): install PostgreSQL 15+ and Node 20.19+ yourself" ;;
esac

# A distribution's Node may be too old; the npm registry carries newer ones as a package.
if ! has_node && [ ! -x .tools/node/node_modules/node/bin/node ]; then
  say "this machine's Node is older than 20.19: fetching a newer one into .tools/node"
  npm install --silent --no-fund --no-audit --prefix .tools/node node@20
fi
