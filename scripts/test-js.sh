#!/usr/bin/env bash
# Runs the tests of every npm package of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in pkg/sdk/js services/dashboard/internal/web; do
  echo "npm test: $package"
  (
    cd "$package"
    if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
      npm ci --no-fund --no-audit --loglevel=error
    fi
    npm test --silent
  )
done
