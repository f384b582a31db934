package delivery

import (
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/webhook"
)

// Event is a fact to tell an account's endpoints.
type Event struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Type      string // "proposal.created"
	Sequence  uint64 // in the stream of events
	// Body is the envelope, made once so that every attempt sends the same bytes.
	Body []byte
	// Deployment is what it is about, if it is about one: these go out in the stream's order.
	Deployment uuid.UUID
	// Only restricts it to one endpoint, whatever that subscribes to: a test.
	Only uuid.UUID
}

// TestType is the event a person sends to try an endpoint; it goes out once, also while the endpoint
// is paused.
const TestType = webhook.Tested

// Status of a delivery.
type Status string

// The statuses; only Pending is not final.
const (
	Pending   Status = "pending"
	Delivered Status = "delivered"
	Failed    Status = "failed"  // tried as often as the schedule says, or told to stop
	Dropped   Status = "dropped" // not sent: the endpoint was paused, disabled or removed
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	EndpointID uuid.UUID
	EventID    uuid.UUID
	EventType  string
	Body       []byte
	Deployment uuid.UUID
	Status     Status
	Attempts   int // made so far
	RoundFrom  int // of them, before the schedule began anew
	Resends    int // how often a person asked for it again
	CreatedAt  time.Time
}

// Endpoint is where an account wants its events.
type Endpoint struct {
	ID           uuid.UUID
	URL          string
	SealedSecret []byte
	// SealedPrevious is the secret before the last rotation; it signs too until PreviousUntil.
	SealedPrevious []byte
	PreviousUntil  time.Time
	// Unwanted says why nothing is to be sent there: "paused", "disabled", "removed"; empty = it is.
	Unwanted      string
	Failures      int // in a row
	FailingSince  time.Time
	LastSuccessAt time.Time
}

// failingAfter this many failures in a row an endpoint is failing.
const failingAfter = 3

// Failing endpoints are asked once in a while.
func (e Endpoint) Failing() bool { return e.Failures >= failingAfter }

// Task is one attempt to make.
type Task struct {
	AccountID  uuid.UUID
	DeliveryID uuid.UUID
	EndpointID uuid.UUID
	Attempt    int // from 1
	Resends    int // of the delivery when it was planned: a person's asking again voids it
	At         time.Time
	Slow       bool // on the workers for retries and endpoints that fail
}

// Answer is how an attempt ended.
type Answer struct {
	At         time.Time
	Took       time.Duration
	Code       int           // 0: there was no answer
	Error      string        // why, bounded, without the URL's query
	Excerpt    string        // of the answer's body, bounded and redacted
	RetryAfter time.Duration // the receiver's wish, 0 = none
	// What was sent and what came back, for the person who looks for a mistake: bounded, without secrets.
	URL             string
	RequestHeaders  map[string]string
	ResponseHeaders map[string]string
}

// OK: only 2xx counts; a redirect is a failure.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code <= 299 }

// Silent: the receiver did not answer at all.
func (a Answer) Silent() bool { return a.Code == 0 }

// Resend is a person's wish to send one delivery again.
type Resend struct {
	RequestID  uuid.UUID
	AccountID  uuid.UUID
	EndpointID uuid.UUID
	DeliveryID uuid.UUID
}

// Recovery is a person's wish to send again what did not reach an endpoint since a moment.
type Recovery struct {
	AccountID  uuid.UUID
	EndpointID uuid.UUID
	Since      time.Time
	AskedAt    time.Time
}
