#!/usr/bin/env bash
# Installs what the package-lock.json of a folder names, when it is not installed yet.
#
# `npm ci` refuses a lock file that lacks an optional package of some other platform, which
# is how npm writes it where a registry does not carry that package (Tailwind's builds for
# other systems). `npm install --no-save` takes the same versions and checksums from the
# lock file, leaves it as it is, and skips what does not concern this machine.
set -euo pipefail
cd "$1"
if [ -d node_modules ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
  exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm ci --no-fund --no-audit --loglevel=error >"$log" 2>&1 && exit 0
grep -q 'Missing: .* from lock file' "$log" || { cat "$log" >&2; exit 1; }
npm install --no-save --no-fund --no-audit --loglevel=error
