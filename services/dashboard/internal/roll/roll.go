// Package roll holds the life of what opens something, an ingest key or an access token, and how one takes
// the place of another:
//
//	active ──its end──▶ expired
//	  │ │
//	  │ └─rolled, with grace──▶ retiring ──its end──▶ expired
//	  │                            │
//	  └─revoked, or rolled now─────┴─revoked──▶ revoked
//
// One that was rolled and the ones it was rolled to are a chain. Of a chain two are good at most: the newest,
// and one before it until its grace is over.
package roll

import (
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// Life is when a credential began and how it ends.
type Life struct {
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never by itself
	RevokedAt  *time.Time
	ReplacedBy *uuid.UUID // what it was rolled to
}

// Status is where a life is.
type Status string

// The statuses.
const (
	Active   Status = "active"
	Retiring Status = "retiring"
	Expired  Status = "expired"
	Revoked  Status = "revoked"
)

// Status at a time.
func (l Life) Status(now time.Time) Status {
	switch {
	case l.RevokedAt != nil:
		return Revoked
	case l.ExpiresAt != nil && !now.Before(*l.ExpiresAt):
		return Expired
	case l.ReplacedBy != nil:
		return Retiring
	default:
		return Active
	}
}

// Good tells whether it opens anything.
func (l Life) Good(now time.Time) bool {
	s := l.Status(now)
	return s == Active || s == Retiring
}

// LongestGrace is how long after it was rolled anything goes on.
const LongestGrace = 7 * 24 * time.Hour

// Grace is how long what is rolled goes on working.
type Grace string

// The graces.
const (
	Now  Grace = "now"
	Hour Grace = "1h"
	Day  Grace = "24h"
	Week Grace = "7d"
)

func (g Grace) duration() (time.Duration, bool) {
	switch g {
	case Now:
		return 0, true
	case Hour:
		return time.Hour, true
	case Day:
		return 24 * time.Hour, true
	case Week:
		return LongestGrace, true
	default:
		return 0, false
	}
}

// Order is how to roll.
type Order struct {
	Grace     Grace
	ExpiresAt *time.Time // of the new one; nil: as long a life as the old one was made for
}

// Errors of Roll.
var (
	errOver   = fault.New(fault.Conflict, "conflict", "It does not work any more, so there is nothing to roll. Create a new one.")
	errRolled = fault.New(fault.Conflict, "conflict", "It has been rolled already. Roll the one that took its place.")
	errBeside = fault.New(fault.Conflict, "conflict", "The one before it still works, and more than two must not. Revoke that one first, or roll with grace \"now\".")
)

// Roll ends a life as the order says, and gives the one of what takes its place. beside is how many others
// of its chain are good.
func (o Order) Roll(old Life, beside int, next uuid.UUID, now time.Time) (ended, began Life, err error) {
	grace, ok := o.Grace.duration()
	if !ok {
		return old, began, invalid("/grace", "unknown_grace", "grace is now, 1h, 24h or 7d.")
	}
	if err := CheckExpiry("/expires_at", o.ExpiresAt, now); err != nil {
		return old, began, err
	}
	switch {
	case !old.Good(now):
		return old, began, errOver
	case old.ReplacedBy != nil:
		return old, began, errRolled
	case beside > 0 && grace > 0:
		return old, began, errBeside
	}
	began = Life{CreatedAt: now, ExpiresAt: o.ExpiresAt}
	if began.ExpiresAt == nil && old.ExpiresAt != nil {
		end := now.Add(old.ExpiresAt.Sub(old.CreatedAt))
		began.ExpiresAt = &end
	}
	ended = old
	ended.ReplacedBy = &next
	switch end := now.Add(grace); {
	case grace == 0:
		ended.RevokedAt = &now
	case ended.ExpiresAt == nil || end.Before(*ended.ExpiresAt):
		ended.ExpiresAt = &end
	}
	return ended, began, nil
}

// CheckExpiry refuses an end that is over.
func CheckExpiry(pointer string, end *time.Time, now time.Time) error {
	if end != nil && !end.After(now) {
		return invalid(pointer, "in_the_past", "The expiry must lie in the future.")
	}
	return nil
}

// Extend moves an end, or with nil takes it away. What was rolled keeps one.
func (l Life) Extend(end *time.Time, now time.Time) (Life, error) {
	if err := CheckExpiry("/expires_at", end, now); err != nil {
		return l, err
	}
	if l.ReplacedBy != nil && (end == nil || end.After(now.Add(LongestGrace))) {
		return l, invalid("/expires_at", "too_late", "It was rolled, so it ends within seven days.")
	}
	l.ExpiresAt = end
	return l, nil
}

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}
