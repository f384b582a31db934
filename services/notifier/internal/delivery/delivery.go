package delivery

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Event is a fact to tell an account's endpoints.
type Event struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Type      string // "proposal.created"
	Time      time.Time
	Data      json.RawMessage
	// Only restricts it to one endpoint, whatever that subscribes to: a test.
	Only uuid.UUID
}

// TestType is the event a person sends to try an endpoint; it goes out even while the endpoint is
// paused.
const TestType = "endpoint.tested"

// Body is what is sent: {"type","timestamp","data"}, made once so that every retry is identical.
func (e Event) Body() ([]byte, error) {
	body, err := json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{e.Type, e.Time.UTC(), e.Data})
	if err != nil {
		return nil, fmt.Errorf("writing the body of a %s: %w", e.Type, err)
	}
	return body, nil
}

// Status of a delivery.
type Status string

// The statuses; only Pending is not final.
const (
	Pending   Status = "pending"
	Delivered Status = "delivered"
	Failed    Status = "failed"  // tried as often as the schedule says, or told to stop
	Dropped   Status = "dropped" // the endpoint does not want it any more
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	EndpointID uuid.UUID
	EventID    uuid.UUID
	EventType  string
	Body       []byte
	Status     Status
	Attempts   int // made so far
	CreatedAt  time.Time
}

// Endpoint is where an account wants its events.
type Endpoint struct {
	ID           uuid.UUID
	URL          string
	SealedSecret []byte
	Enabled      bool // neither paused, removed nor disabled
	Failures     int  // in a row
	FailingSince time.Time
}

// failingAfter this many failures in a row an endpoint is failing.
const failingAfter = 3

// Failing endpoints are asked rarely and on workers of their own.
func (e Endpoint) Failing() bool { return e.Failures >= failingAfter }

// Task is one attempt to make.
type Task struct {
	AccountID  uuid.UUID
	DeliveryID uuid.UUID
	EndpointID uuid.UUID
	Attempt    int // from 1
	At         time.Time
	Slow       bool // on the workers for retries and failing endpoints
}

// Answer is how an attempt ended.
type Answer struct {
	At         time.Time
	Took       time.Duration
	Code       int           // 0: there was no answer
	Error      string        // why, bounded, without the URL's query
	Excerpt    string        // of the answer's body, bounded and redacted
	RetryAfter time.Duration // the receiver's wish, 0 = none
}

// OK: only 2xx counts; a redirect is a failure.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code <= 299 }
