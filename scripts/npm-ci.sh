#!/usr/bin/env bash
# Installs what the package-lock.json of a folder names, when it is not installed yet or the
# lock file has changed since.
set -euo pipefail
cd "$1"
if [ -d node_modules ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
  exit 0
fi
npm ci --no-fund --no-audit --loglevel=error
