#!/usr/bin/env bash
# Fails when a committed generated file is not what the generators write today, when a Go
# file is not gofmt-clean, or when a module is not tidy.
#
# It compares files before and after generating, not against git, so it judges the tree
# as it is and works with uncommitted changes.
set -euo pipefail
cd "$(dirname "$0")/.."

generated() {
  {
    find proto/gen docs/EVENTS.md docs/CONFIG.md docs/PRIVACY.md docs/SECURITY.md services/gateway/internal/script/dist -type f
    find services pkg \( -name node_modules -o -name dist \) -prune -o -type f \( -path '*/postgres/db/*' -o -name '*.gen.go' -o -name '*.gen.ts' \) -print
  } | LC_ALL=C sort -u | while read -r file; do printf '%s %s\n' "$(cksum <"$file")" "$file"; done
}

before=$(mktemp) after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
generated >"$before"
make --no-print-directory generate
generated >"$after"
failed=
if ! diff -u "$before" "$after" >&2; then
  echo "verify: generated files were out of date; they are now: commit them" >&2
  failed=yes
fi
unformatted=$(find pkg proto services deploy -name node_modules -prune -o -name '*.go' -print | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  printf 'verify: not gofmt-clean:\n%s\n' "$unformatted" >&2
  failed=yes
fi
modules=$(go list -f '{{.Dir}}' -m) # here a failure ends the script
for module in $modules; do
  if ! (cd "$module" && go mod tidy -diff) >&2; then
    echo "verify: ${module#"$PWD"/} is not tidy: make tidy" >&2
    failed=yes
  fi
done
[ -z "$failed" ] || exit 1
echo "verify: generated files, formatting and modules are as they should be"
