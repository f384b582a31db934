package usage

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/plan"
)

// Level is how near an account is to its monthly limit, where somebody is told.
type Level string

// The levels: most of the limit is used, or signals are refused.
const (
	Warning  Level = "warning"
	Exceeded Level = "exceeded"
)

// warnPart of a limit left is worth a warning: a fifth, which is to say at 80 %.
const warnPart = 5

// Stand is how an account stands in a month.
type Stand struct {
	Account uuid.UUID
	Month   time.Time // its first moment (UTC)
	Used    int64
	Limit   int64
}

// level is what the stand is worth telling; "" = nothing.
func (s Stand) level() Level {
	switch {
	case s.Limit <= 0:
		return ""
	case s.Used >= s.Limit:
		return Exceeded
	case s.Used >= s.Limit-s.Limit/warnPart:
		return Warning
	default:
		return ""
	}
}

// Resets is when the next month begins.
func (s Stand) Resets() time.Time { return s.Month.AddDate(0, 1, 0) }

// Board keeps what was told.
type Board interface {
	// Tell publishes that an account has come to a level and has it mailed, once a month; an account that
	// has gone or is closed is told nothing. With a limit of 0 the account's own is looked up.
	Tell(ctx context.Context, s Stand, l Level, at time.Time) error
}

// Notices tells accounts that come near to their limit. It is safe for concurrent use.
type Notices struct {
	board   Board
	counter Counter
	grace   int // percent that gateways accept beyond a limit, and count to it
	now     func() time.Time

	mu    sync.Mutex
	month time.Time
	told  map[uuid.UUID]Level // of month, so that not each of a gateway's reports asks the database
}

// NewNotices returns Notices.
func NewNotices(board Board, counter Counter, gracePercent int, now func() time.Time) *Notices {
	return &Notices{board: board, counter: counter, grace: gracePercent, now: now, told: map[uuid.UUID]Level{}}
}

// Look tells what there is to tell of a stand. A month that is over is told of no more.
func (n *Notices) Look(ctx context.Context, s Stand) error {
	s.Limit = plan.WithoutGrace(s.Limit, n.grace)
	level := s.level()
	if level == "" {
		return nil
	}
	return n.tell(ctx, s, level)
}

// Refused tells that signals of the account were refused because its limit is used up. A request may be
// refused before that, when it holds more than is left.
func (n *Notices) Refused(ctx context.Context, account uuid.UUID, at time.Time) error {
	s := Stand{Account: account, Month: monthOf(at)}
	if n.skip(s, Exceeded) {
		return nil
	}
	used, err := n.counter.Used(ctx, account, at)
	if err != nil {
		return err
	}
	s.Used = used
	return n.tell(ctx, s, Exceeded)
}

func (n *Notices) tell(ctx context.Context, s Stand, level Level) error {
	if n.skip(s, level) {
		return nil
	}
	if err := n.board.Tell(ctx, s, level, n.now()); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.month.Equal(s.Month) {
		n.told[s.Account] = level
	}
	return nil
}

// skip reports whether the stand is of another month, or was told of.
func (n *Notices) skip(s Stand, level Level) bool {
	month := monthOf(n.now())
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.month.Equal(month) {
		n.month = month
		clear(n.told)
	}
	told := n.told[s.Account]
	return !s.Month.Equal(month) || told == level || told == Exceeded
}

func monthOf(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}
