package signal

import "github.com/google/uuid"

// Position is a message of the SIGNALS stream.
type Position struct {
	Stream    string
	Sequence  uint64
	MessageID uuid.UUID
}

// Batch is one message's signals.
type Batch struct {
	Position
	Signals []Signal
}

// Stored says what became of a batch.
type Stored struct {
	Repeated bool // the message's effect had been committed before
	New      int  // signals stored
	Known    int  // counted before: redelivered, retried or imported again
	Homeless int  // their product is gone
	TooOld   int  // older than signals are kept
}

// Add adds what became of another part of the same batch. It was committed before only
// if all of its parts were.
func (s *Stored) Add(part Stored) {
	s.Repeated = s.Repeated && part.Repeated
	s.New, s.Known, s.Homeless, s.TooOld = s.New+part.New, s.Known+part.Known, s.Homeless+part.Homeless, s.TooOld+part.TooOld
}
