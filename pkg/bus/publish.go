package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/telemetry"
)

// Headers of every message. Nats-Msg-Id carries the message's id.
const (
	HeaderEvent   = "Specter-Event"   // "proposal.created.v1"
	HeaderAccount = "Specter-Account" // uuid; absent for messages of many accounts
	HeaderTime    = "Specter-Time"    // RFC 3339 with nanoseconds, UTC: when it happened
)

// headerRoom is kept free in every message for headers and the dead letter's reason.
const headerRoom = 8 << 10

// Message is something to publish.
type Message[M proto.Message] struct {
	ID        uuid.UUID // also what dedupes it
	AccountID uuid.UUID // uuid.Nil for messages of many accounts
	Time      time.Time
	Body      M
}

// Encoded is a Message whose body has been marshalled already.
type Encoded struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Time      time.Time
	Body      []byte
}

// Ack is the broker's word that a message is stored.
type Ack struct {
	Stream    string
	Sequence  uint64
	Duplicate bool // it had been stored before, at Sequence
}

// Publish stores m and returns after the broker has confirmed it. Without a deadline in ctx it
// waits 5 s. A failure that a retry can help reads fault.Unavailable; whether the message was
// stored is then unknown, and publishing it again with the same id is safe.
func Publish[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], m Message[M]) (Ack, error) {
	msg, err := Encode(ctx, t, m)
	if err != nil {
		return Ack{}, err
	}
	return b.publish(ctx, t.Info().Tag(), msg)
}

// PublishEncoded is Publish for a body that the caller has marshalled; it is not kept afterwards.
func PublishEncoded[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], m Encoded) (Ack, error) {
	msg, err := wrap(ctx, t, m)
	if err != nil {
		return Ack{}, err
	}
	return b.publish(ctx, t.Info().Tag(), msg)
}

// Encode builds the broker's message without sending it, with the trace of ctx in its headers.
func Encode[M proto.Message](ctx context.Context, t event.Type[M], m Message[M]) (*nats.Msg, error) {
	body, err := proto.Marshal(m.Body)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.Info().Tag(), err)
	}
	return wrap(ctx, t, Encoded{ID: m.ID, AccountID: m.AccountID, Time: m.Time, Body: body})
}

// wrap puts the envelope around a body.
func wrap[M proto.Message](ctx context.Context, t event.Type[M], m Encoded) (*nats.Msg, error) {
	info := t.Info()
	switch {
	case m.ID == uuid.Nil:
		return nil, fmt.Errorf("encoding %s: the message has no id", info.Tag())
	case m.Time.IsZero():
		return nil, fmt.Errorf("encoding %s: the message has no time", info.Tag())
	case (m.AccountID == uuid.Nil) != (info.Scope() == event.ManyAccounts):
		return nil, fmt.Errorf("encoding %s: account %s does not fit its scope", info.Tag(), m.AccountID)
	case len(m.Body) > event.MaxMessageBytes-headerRoom:
		return nil, fmt.Errorf("encoding %s: %w", info.Tag(), fault.Permanent(tooLarge(nil)))
	}
	msg := nats.NewMsg(info.Subject(m.AccountID))
	msg.Data = m.Body
	msg.Header.Set(jetstream.MsgIDHeader, m.ID.String())
	msg.Header.Set(HeaderEvent, info.Tag())
	msg.Header.Set(HeaderTime, m.Time.UTC().Format(time.RFC3339Nano))
	if m.AccountID != uuid.Nil {
		msg.Header.Set(HeaderAccount, m.AccountID.String())
	}
	telemetry.Inject(ctx, msg.Header.Set)
	return msg, nil
}

func (b *Bus) publish(ctx context.Context, tag string, msg *nats.Msg) (Ack, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	started := time.Now()
	ack, err := b.js.PublishMsg(ctx, msg)
	if err != nil {
		b.metrics.published.WithLabelValues(tag, "failed").Inc()
		return Ack{}, fmt.Errorf("publishing %s: %w", tag, publishFault(err))
	}
	b.metrics.publishTime.WithLabelValues(tag).Observe(time.Since(started).Seconds())
	result := "stored"
	if ack.Duplicate {
		result = "duplicate"
	}
	b.metrics.published.WithLabelValues(tag, result).Inc()
	return Ack{Stream: ack.Stream, Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// PublishAsync sends a ready message and returns a function that waits for the broker's word on
// it. At most 1,024 are unacknowledged at once; beyond that, PublishAsync waits.
func (b *Bus) PublishAsync(msg *nats.Msg) (wait func(context.Context) error, err error) {
	future, err := b.js.PublishMsgAsync(msg)
	if err != nil {
		return nil, fmt.Errorf("publishing to %s: %w", msg.Subject, publishFault(err))
	}
	return func(ctx context.Context) error {
		select {
		case <-future.Ok():
			return nil
		case err := <-future.Err():
			return fmt.Errorf("publishing to %s: %w", msg.Subject, publishFault(err))
		case <-ctx.Done():
			return fmt.Errorf("publishing to %s: %w", msg.Subject, ctx.Err())
		}
	}, nil
}

func publishFault(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fault.Permanent(tooLarge(err))
	default:
		return fault.Wrap(err, fault.Unavailable, "unavailable", "The message broker cannot store this now.")
	}
}

func tooLarge(err error) error {
	return fault.Wrap(err, fault.TooLarge, "message_too_large", "The message is larger than the broker takes.")
}
