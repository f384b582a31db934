// Package bench measures the whole of Specter from outside: real binaries, the
// public API, a real disk. Numbers from shared machines are noisy, so every
// comparison is a ratio measured in one run. `make bench` runs it beside the
// benchmarks that live next to the code they measure.
package bench
