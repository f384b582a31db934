// Package broker starts the broker that the benchmarks measure with: one server, every message synced.
package broker
