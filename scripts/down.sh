#!/usr/bin/env bash
# Stops the all-in-one that holds the data directory, and waits until it is gone.
set -euo pipefail
cd "$(dirname "$0")/.."
lock="${SPECTER_DATA_DIR:-.specter}/specter.lock"
pid=$(cat "$lock" 2>/dev/null || true)
# After a crash the file may name a process that is somebody else's by now.
if [ -z "$pid" ] || [[ "$(ps -o comm= -p "$pid" 2>/dev/null || true)" != *specter* ]]; then
  echo "nothing is running on ${lock%/*}"
  exit 0
fi
kill -TERM "$pid"
for _ in $(seq 100); do
  kill -0 "$pid" 2>/dev/null || { echo "stopped"; exit 0; }
  sleep 0.1
done
echo "process $pid still runs after 10 s; see its log" >&2
exit 1
