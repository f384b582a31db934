package wire

// Fields of a SignalBatch.
const (
	BatchSignals    = 1
	BatchScrubRules = 2
)

// Fields of a Signal.
const (
	ID         = 1
	ClientID   = 2
	AccountID  = 3
	ProductID  = 4
	ContextID  = 5
	Type       = 6
	Payload    = 7
	OccurredAt = 8
	ReceivedAt = 9
	SessionID  = 10
	Source     = 11
	TimeMark   = 12
	Imported   = 13
)

// Fields of a google.protobuf.Timestamp.
const (
	Seconds = 1
	Nanos   = 2
)
