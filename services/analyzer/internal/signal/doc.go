// Package signal holds the rules of what is kept of a signal: which id counts it
// once, which context it belongs to, the dimensions read from its payload, the
// rollup deltas of a batch and the blocks raw signals are stored in.
//
// It knows no database and no wire format. Polarity is not stored anywhere: it is
// applied when counts are read, so editing a context rewrites its history, but for
// types that were added up with others (MaxTypes).
package signal
