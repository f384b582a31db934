package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// Look says what a scan looks at.
type Look struct {
	From     uint64    // the lowest sequence; zero: the oldest that is there
	First    time.Time // what was stored since is looked at first, and what is older after it; zero: everything in order
	MaxBytes int       // of bodies; the one that passes the bound is still looked at
}

// Scan hands the stored messages of type t to h, oldest first, until h says that it has seen enough.
// Whole is false when MaxBytes or the end of ctx (which is no error: a scan is bounded by its caller's
// patience) ended it before, so that what was looked for may be there all the same. What is stored
// while it runs is not looked at. It leaves no trace at the broker.
func Scan[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], l Look, h func(Delivery[M]) (enough bool)) (whole bool, err error) {
	return scan(ctx, b, t.Info(), t.Stream().Name, t.Filter(), l, h)
}

// ScanDeadLetters is Scan over what consumers gave up on.
func ScanDeadLetters[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], l Look, h func(Delivery[M]) (enough bool)) (whole bool, err error) {
	return scan(ctx, b, t.Info(), event.DeadLetters().Name, event.DeadLetterSubject("*", t.Filter()), l, h)
}

func scan[M proto.Message](ctx context.Context, b *Bus, info event.Info, name, filter string, l Look, h func(Delivery[M]) bool) (whole bool, err error) {
	defer func() {
		if ctx.Err() != nil {
			whole, err = false, nil
		} else if err != nil {
			err = fmt.Errorf("scanning %s: %w", name, publishFault(err))
		}
	}()
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return false, err
	}
	state := stream.CachedInfo().State
	low, high := max(l.From, state.FirstSeq), state.LastSeq+1
	begin := low
	if !l.First.IsZero() {
		if begin, err = firstSince(ctx, stream, low, high, l.First); err != nil {
			return false, err
		}
	}
	left, enough := l.MaxBytes, false
	see := func(raw *jetstream.RawStreamMsg) bool {
		left -= len(raw.Data)
		d, ok := stored[M](info, raw)
		enough = ok && h(d)
		return !enough && left > 0
	}
	for _, part := range [][2]uint64{{begin, high}, {low, begin}} {
		if whole, err = each(ctx, stream, filter, part[0], part[1], see); err != nil || !whole {
			return enough, err
		}
	}
	return true, nil
}

// each hands over the messages of [from, before) until more says no; all tells that there is none left.
func each(ctx context.Context, stream jetstream.Stream, filter string, from, before uint64, more func(*jetstream.RawStreamMsg) bool) (all bool, err error) {
	for from < before {
		raw, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(filter)) // the next that exists
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if from = raw.Sequence + 1; from > before {
			return true, nil
		}
		if !more(raw) {
			return false, nil
		}
	}
	return true, nil
}

// stored is a message as a scan shows it. One that cannot be read is dead-lettered by its consumers;
// there is nothing to see.
func stored[M proto.Message](info event.Info, raw *jetstream.RawStreamMsg) (Delivery[M], bool) {
	if original := raw.Header.Get(HeaderDeadMsgID); original != "" { // a dead letter's own id names the consumer
		raw.Header.Set(jetstream.MsgIDHeader, original)
	}
	var seen Delivery[proto.Message]
	if decodeInto(&seen, raw.Header, raw.Data, []event.Info{info}) != nil {
		return Delivery[M]{}, false
	}
	body, ok := seen.Body.(M)
	return Delivery[M]{
		ID: seen.ID, AccountID: seen.AccountID, Time: raw.Time, Sequence: raw.Sequence, Attempt: 1, Type: info, Body: body, header: raw.Header,
	}, ok
}
