#!/usr/bin/env bash
# Runs the tests of every npm package of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in pkg/sdk/js services/dashboard/internal/web; do
  echo "npm test: $package"
  scripts/npm-ci.sh "$package"
  (cd "$package" && npm test --silent)
done
