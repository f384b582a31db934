// Package builtin writes proposals without any model: one template for each family of findings, filled from the evidence.
// It is deterministic, costs nothing and needs no network. Templates hold no numbers of their own, so whatever number a
// text shows is the evidence's.
package builtin
