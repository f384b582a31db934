// Package svcmain turns a service's [Module] into a process: flags, settings checked before
// anything is opened, broker and database, health endpoints, metrics, a stop that drains, and exit
// codes. It is the only place that ends the process.
//
//	main ── Main ──▶ flags ──▶ settings checked ──▶ Run ──▶ exit code
//
//	Run:  broker, pool ──▶ Module.New ──▶ service ready ──▶ HTTP listening ──▶ ready
//	stop: not ready (still serving) ── drain delay ──▶ HTTP drained ──▶ service drained ──▶ pool, broker closed
//
// The pieces work without a process too: [Run] is what tests start, and [Build] is what a program
// that hosts several modules uses to make each from parts that it owns.
package svcmain
