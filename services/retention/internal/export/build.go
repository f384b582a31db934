package export

import (
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/exportfile"
)

// Build is an export that is being made.
type Build struct {
	AccountID uuid.UUID
	ID        uuid.UUID
	AsOf      time.Time
	Plan      *Plan // nil before the first step
	Progress  Progress
	Rows      int64
	Entries   int
	Bytes     int64
	Digest    []byte    // state of the hash of the archive's first Bytes bytes
	Now       time.Time // of the step
}

// Plan is what goes into an archive, as the database was when it began.
type Plan struct {
	Tables []Planned `json:"tables"`
	// Settled is when the older part of the signals ends: see Store.
	Settled time.Time `json:"settled"`
}

// Planned is a table with what is read of it.
type Planned struct {
	Name    string              `json:"name"`
	Columns []exportfile.Column `json:"columns"`
	Omitted []string            `json:"omitted,omitempty"`
	// Key are the columns that order the rows and tell them apart.
	Key []exportfile.Column `json:"key"`
	// Since and Text are the Table's.
	Since string   `json:"since,omitempty"`
	Text  []string `json:"text,omitempty"`
}

// Progress is where a builder is.
type Progress struct {
	Table int `json:"table"` // index of the plan's table that comes next
	Part  int `json:"part"`  // parts of it that are written
	// After is the key of the last row that is written, as texts; nil before the first.
	After []string `json:"after,omitempty"`
	// Recent means that the older signals are done.
	Recent bool `json:"recent,omitempty"`
	// Rows of the table that are written; those of the tables before it are in Done.
	Rows int64   `json:"rows"`
	Done []int64 `json:"done"`
}

// Step is what one transaction adds.
type Step struct {
	Plan     *Plan  // only the first
	Expected int64  // rows that are to come; only the first
	Data     []byte // of the archive
	Entries  []exportfile.Entry
	Progress Progress
	Rows     int64  // more than before
	Digest   []byte // state of the hash after Data
	// Finished means that this is the archive's end; then SHA256 is that of the whole.
	Finished bool
	SHA256   []byte
}

// State is what became of a step.
type State uint8

// The states.
const (
	Working State = iota
	Over          // finished, failed, deleted, or the account is being purged
	Busy          // another builder is at it
)

// Failure is why an export failed, for people.
type Failure string

// The failures.
const (
	TooLarge Failure = "too_large"
	Internal Failure = "internal"
)
