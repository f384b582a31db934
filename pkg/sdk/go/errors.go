package specter

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrClosed is returned by Track after Close. Nothing was queued.
	ErrClosed = errors.New("specter: the client is closed")

	// ErrQueueFull is returned by Track when as many signals wait as WithMaxQueue allows. The signal
	// is dropped, and the drop counted and reported.
	ErrQueueFull = errors.New("specter: the queue is full")

	// ErrNoKey is returned by Track of a client that was made without an API key.
	ErrNoKey = errors.New("specter: signals need an API key")

	// ErrNoToken is returned by calls that read or write the account without WithToken.
	ErrNoToken = errors.New("specter: this needs an access token, see WithToken")

	// ErrInvalidSignal is returned by Track for what the server would refuse. Nothing was queued.
	ErrInvalidSignal = errors.New("specter: invalid signal")
)

// Error is the server's refusal of a request (RFC 9457).
type Error struct {
	Status     int           // HTTP status
	Code       string        // stable: invalid_key, quota_exceeded, not_found, …; empty when the answer was not Specter's
	Detail     string        // a sentence for people
	RequestID  string        // finds the request in the server's log
	RetryAfter time.Duration // how long to wait before trying again; zero when not told
	Fields     []FieldError  // the bad parts of the request, at most ten
}

// FieldError is one bad part of a request.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer (RFC 6901)
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

func (e *Error) Error() string {
	text := fmt.Sprintf("specter: the server answered %d", e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// RejectedError is told to WithOnError: the server took a batch but for this signal.
type RejectedError struct {
	ID        string // of the signal
	Type      string // of the signal
	Code      string // as in Error
	Detail    string
	RequestID string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("specter: signal %s of type %q was rejected: %s: %s", e.ID, e.Type, e.Code, e.Detail)
}

// LossError is told to WithOnError: signals that will not arrive, and why.
type LossError struct {
	Signals int
	Err     error // ErrQueueFull, ErrClosed, an *Error, or what the network said last
}

func (e *LossError) Error() string {
	return fmt.Sprintf("specter: %d signals lost: %v", e.Signals, e.Err)
}

func (e *LossError) Unwrap() error { return e.Err }
