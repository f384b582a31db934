// Package timers holds the verifier's River jobs: one job a look, set in the transaction that registered the test or took
// the look before, so that looks come in order and none is lost.
package timers
