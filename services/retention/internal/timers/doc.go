// Package timers runs retention's work at its time: partitions ahead of need every hour, the purge
// by age every day, each account's purge when it is due, the builders of exports, the letters about them and the
// exports' ends.
package timers
