package signal

import (
	"time"

	"github.com/google/uuid"
)

// Signal is one thing that happened in a product.
type Signal struct {
	ID         uuid.UUID // ours, a UUIDv7
	ClientID   uuid.UUID // the client's, uuid.Nil when it sent none
	AccountID  uuid.UUID
	ProductID  uuid.UUID
	ContextID  uuid.UUID // uuid.Nil: the product's default context
	Type       string    // 1 to Limits.TypeLength characters
	Payload    []byte    // a compact JSON object, nil when none was sent
	OccurredAt time.Time
	ReceivedAt time.Time
	SessionID  string // opaque, at most Limits.SessionLength characters
	Source     Source
	TimeMark   TimeMark

	index int    // in its body
	sent  []byte // a piece of the body
}

// Source says by which door a signal came in.
type Source uint8

// The doors. The numbers are this package's own; internal/publish translates them.
const (
	REST Source = iota
	Script
	SDK
	Webhook
)

// TimeMark says what became of the client's timestamp.
type TimeMark uint8

const (
	TimeAsSent        TimeMark = iota // taken, after correction of the client's clock
	TimeReceived                      // none was sent: the time of receipt
	TimeClampedOld                    // older than 24 h: 24 h before receipt
	TimeClampedFuture                 // more than 5 min ahead: the time of receipt
)

// Receipt is what is known of a request before its body is read.
type Receipt struct {
	AccountID uuid.UUID
	ProductID uuid.UUID
	Source    Source
	At        time.Time // the server's clock
	SentAt    time.Time // the client's clock when it sent the request; zero when not told

	Partial bool // bad elements are left out instead of costing the whole body

	// HasContext reports whether a context belongs to the product.
	HasContext func(uuid.UUID) bool
}

// Limits bound one request. Sizes are bytes as sent, before any decoding of escapes.
type Limits struct {
	Signals       int // in one request
	PayloadBytes  int
	TypeLength    int // characters
	SessionLength int // characters
	Depth         int // levels of objects and arrays; the payload itself is the first
	Keys          int // in one object
	KeyBytes      int
	Nodes         int // values in one signal
}

// DefaultLimits are the limits of the public contract.
func DefaultLimits() Limits {
	return Limits{
		Signals: 1000, PayloadBytes: 32 << 10, TypeLength: 100, SessionLength: 64,
		Depth: 32, Keys: 256, KeyBytes: 128, Nodes: 2000,
	}
}
