// Package timers runs retention's work at its time: partitions ahead of need every hour, the purge
// by age every day, and each account's purge when it is due.
package timers
