// Package shop simulates a small web shop for `specter demo`: eight weeks of sessions
// with a daily and weekly rhythm, several releases, one planted regression that
// ships, hurts, and is fixed, and two smaller troubles near the end: results of the
// search cannot be seen in one browser, and the help widget falls silent.
//
// The same Config yields the same signals, byte for byte, on every machine: all chance
// comes from one seeded generator and time only from Config.Start. The story is told by
// signals alone; nothing in them says "this is the planted one", so whatever finds it
// downstream has found it.
package shop
