// Package store measures what it costs to keep signals: how fast the analyzer
// stores them, how much disk they take, and whether a stream that fills while it
// works is empty again soon.
//
// The parts are real: a Postgres that fsyncs, a broker that syncs every message,
// the analyzer as it is run in production, with its role and its pool. The
// yardstick is plain COPY of the same signals, one row each, into a table with a
// primary key and one index on the same server. The two take turns in one run, so
// that a busy machine slows down both.
//
// The broker and the analyzer share this process, and with it the collector: what was
// made for a round is let go and collected before the clock runs. COPY has no broker to
// pay for. A round is some seconds of work for the analyzer; while it reads the first
// group Postgres has nothing to do, and that counts.
package store
