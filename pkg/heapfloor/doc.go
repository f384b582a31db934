// Package heapfloor lets a small heap grow to a floor before the garbage collector runs.
//
// The collector runs when the heap has doubled. In a process that keeps little and serves much, a
// gateway's 10 MiB, that is dozens of times a second and a tenth of its work. With a floor of 48 MiB
// it runs a fifth as often; a process that keeps as much as the floor trades the other way round.
// Source: the pacer's own design notes (golang.org/issue/44167) and the "ballast" it replaced.
package heapfloor
