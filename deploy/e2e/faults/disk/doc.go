// Package disk gives a program a disk of its own that can be full or lose power:
// an ext4 image mounted through a loop device. It needs Linux, loop devices, and root
// or sudo, and says so when one is missing.
package disk
