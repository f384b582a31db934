#!/usr/bin/env bash
# Builds the web app when its sources are newer than what was built.
set -euo pipefail
cd "$(dirname "$0")/../services/dashboard/internal/web"

built=dist/index.html
if [ -f "$built" ] && [ -z "$(find . \( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print | head -n 1)" ]; then
  exit 0
fi
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-fund --no-audit --loglevel=error
fi
npm run build
touch dist/.gitkeep
