// Package timers expires proposals that nobody decided.
package timers
