// Package timers runs delivery attempts at their time: one River job an attempt, on two sets of
// workers, so that retries and failing endpoints never hold up first attempts.
package timers
