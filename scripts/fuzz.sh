#!/usr/bin/env bash
# Runs every fuzz target of every module, FUZZTIME each (a duration, or a count such as 1000x;
# default 60s), and stops at the first that fails with the path of the input that makes it fail.
# Arguments are patterns: only targets whose "package Name" contains one of them run.
set -euo pipefail
cd "$(dirname "$0")/.."

targets() { # lines of "package Name"; fails when go list does: what it cannot read may hide a target
  local modules module files file
  modules=$(go list -f '{{.Dir}}' -m) || return 1
  for module in $modules; do
    files=$(cd "$module" && go list -f '{{$dir := .Dir}}{{range .TestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}' ./...) || return 1
    while read -r file; do
      [ -n "$file" ] || continue
      sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | sed "s|^|$(dirname "${file#"$PWD"/}") |"
    done <<EOT
$files
EOT
  done
}

wanted() {
  [ $# -gt 1 ] || return 0
  local target=$1 pattern
  shift
  for pattern; do
    case "$target" in *"$pattern"*) return 0 ;; esac
  done
  return 1
}

if ! list=$(targets); then
  echo "fuzz: the targets cannot be listed" >&2
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
while read -r package name; do
  [ -n "$name" ] || continue
  wanted "$package $name" "$@" || continue
  count=$((count + 1))
  echo "fuzz: $package $name"
  # Making an input small that is merely new takes its time from finding others: a minute, by default.
  if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-60s}" -fuzzminimizetime 1s "./$package" >"$log" 2>&1 </dev/null; then
    # When the time ends while a busy machine is in the middle of an input, go test says this and no more;
    # an input that fails, crashes or hangs is written down.
    if grep -q '^ *context deadline exceeded$' "$log" && ! grep -q 'Failing input written to' "$log"; then
      grep -E '^fuzz: elapsed' "$log" | tail -n 1
      continue
    fi
    cat "$log" >&2
    input=$(sed -n 's|^ *Failing input written to ||p' "$log" | tail -n 1)
    echo "fuzz: $package $name failed${input:+; commit the input with the repair: $package/$input}" >&2
    exit 1
  fi
  grep -E '^fuzz: elapsed' "$log" | tail -n 1
done <<EOT
$(LC_ALL=C sort -u <<<"$list")
EOT
if [ "$count" = 0 ]; then
  echo "fuzz: no target${*:+ matches $*}" >&2
  exit 1
fi
echo "fuzz: $count targets ran clean"
