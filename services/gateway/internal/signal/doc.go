// Package signal is the gateway's domain: what a signal is, and how the bytes of a request become
// signals or an error that names the bad element.
//
// Decoding is strict, because what is accepted here is read again by the scrubber, the analyzer
// and Postgres, and all of them must see the same thing: one JSON value and nothing after it,
// valid UTF-8 without a byte order mark, no name twice in an object, names compared exactly,
// numbers that are finite and short in print. Two things are repaired instead of refused, since
// browsers send them in good faith: an escaped NUL and an escaped lone surrogate become U+FFFD
// (Postgres takes neither).
//
// A batch is taken whole or not at all, unless Receipt.Partial leaves bad signals out.
package signal
