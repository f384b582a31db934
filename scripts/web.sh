#!/usr/bin/env bash
# Builds the web app when its sources are newer than what was built.
set -euo pipefail
cd "$(dirname "$0")/.."
web=services/dashboard/internal/web
scripts/npm-ci.sh "$web"
cd "$web"
built=dist/index.html
if [ -f "$built" ] && [ -z "$(find . \( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print | head -n 1)" ]; then
  exit 0
fi
npm run build
touch dist/.gitkeep
