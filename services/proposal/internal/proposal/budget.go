package proposal

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Amount of tokens and money. Money is in millionths of a US dollar, so that adding up loses nothing.
type Amount struct {
	Tokens     int64
	CostMicros int64
}

// Reservation is an amount taken from the budget of an account's day (UTC) before it is known what a call uses.
type Reservation struct {
	AccountID uuid.UUID
	Day       time.Time
	Amount    Amount
}

// Budget keeps what accounts spend on engines that cost something.
type Budget interface {
	// Reserve takes the reservation unless it would pass limit, where a zero in limit is none. However many callers ask
	// at once, what they got together is within the limit.
	Reserve(ctx context.Context, r Reservation, limit Amount) (ok bool, err error)
	// Settle replaces the reservation by what was used. A reservation that is never settled counts in full.
	Settle(ctx context.Context, r Reservation, used Amount) error
}
