// Package timers wakes proposals whose snooze is over, so that somebody hears of it.
package timers
