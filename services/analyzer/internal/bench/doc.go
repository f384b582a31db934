// Command bench measures whether analyses find what was planted in simulated products,
// name it, date it and predict what mending it is worth, and whether they leave a quiet
// product alone: `make bench-analysis`.
//
// It runs the analyzer's own domain (internal/analysis) over rollups kept in memory,
// hour by hour and without look-ahead, as an import is walked. The last part measures
// the time of an analysis over a real Postgres, with a hundred thousand signals and with
// ten million.
package main
