// Package transition is what the audit log keeps of the transitions that other services make: a proposal that was written,
// absorbed newer evidence or expired, a deployment that got its verdict. What people do is kept where they do it.
package transition

import (
	"time"

	"github.com/google/uuid"
)

// Entry is one line of the log.
type Entry struct {
	Event   uuid.UUID // it is written once, however often the event comes
	Account uuid.UUID
	At      time.Time
	Actor   string // "service:<name>"
	Action  string // the event's name
	Subject string // "proposal", "deployment"
	ID      uuid.UUID
	Detail  map[string]any
}
