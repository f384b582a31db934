// Package broker is what the dashboard reads at the broker itself, beside the events it consumes:
// the catalogue's bucket when it is rebuilt, the counters of monthly limits, and what waits to be
// stored or was given up on when somebody asks after one signal.
package broker
