// Package timers runs retention's work at its time: partitions ahead of need every hour, the purge
// by age every day, each account's purge when it is due, the builders of exports and the exports' ends.
package timers
