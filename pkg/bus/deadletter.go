package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
)

// Headers a dead letter has beside the original's.
const (
	HeaderDeadReason   = "Specter-Dead-Reason"
	HeaderDeadConsumer = "Specter-Dead-Consumer"
	HeaderDeadStream   = "Specter-Dead-Stream"
	HeaderDeadSequence = "Specter-Dead-Sequence" // in the original's stream
	HeaderDeadSubject  = "Specter-Dead-Subject"
	HeaderDeadAttempts = "Specter-Dead-Attempts"
	HeaderDeadMsgID    = "Specter-Dead-Msg-Id" // the original Nats-Msg-Id
)

const deadPrefix = "Specter-Dead-"

// DeadLetter is one message a consumer gave up on.
type DeadLetter struct {
	Sequence         uint64 // in the DEADLETTER stream: what Replay takes
	Consumer         string
	Reason           string
	Attempts         int
	Time             time.Time // when it was given up
	Subject          string    // the original's
	OriginalStream   string
	OriginalSequence uint64
	Event            string // "proposal.created.v1"
	AccountID        string // "" for messages of many accounts
	MessageID        string // the original's
	Size             int    // of the body, in bytes
}

func (b *Bus) writeDeadLetter(ctx context.Context, msg jetstream.Msg, consumer, reason string) error {
	o := original{subject: msg.Subject(), header: msg.Headers(), data: msg.Data()}
	if meta, err := msg.Metadata(); err == nil {
		o.stream, o.sequence, o.attempts = meta.Stream, meta.Sequence.Stream, meta.NumDelivered
	}
	return b.writeOriginal(ctx, o, consumer, reason)
}

// original is a message that becomes a dead letter.
type original struct {
	subject            string
	header             nats.Header
	data               []byte
	stream             string
	sequence, attempts uint64
}

func (b *Bus) writeOriginal(ctx context.Context, o original, consumer, reason string) error {
	dead := nats.NewMsg(event.DeadLetterSubject(consumer, o.subject))
	dead.Data = o.data
	for key, values := range o.header {
		if !strings.HasPrefix(key, "Nats-") {
			dead.Header[key] = values
		}
	}
	// The same message given up twice (its Term was lost) is one dead letter.
	dead.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s/%s/%d", consumer, o.stream, o.sequence))
	dead.Header.Set(HeaderDeadReason, reason)
	dead.Header.Set(HeaderDeadConsumer, consumer)
	dead.Header.Set(HeaderDeadStream, o.stream)
	dead.Header.Set(HeaderDeadSequence, strconv.FormatUint(o.sequence, 10))
	dead.Header.Set(HeaderDeadSubject, o.subject)
	dead.Header.Set(HeaderDeadAttempts, strconv.FormatUint(o.attempts, 10))
	dead.Header.Set(HeaderDeadMsgID, o.header.Get(jetstream.MsgIDHeader))
	_, err := b.publish(ctx, "dead_letter", dead)
	return err
}

// DeadLetters lists up to limit dead letters from sequence after+1 on, oldest first.
func (b *Bus) DeadLetters(ctx context.Context, after uint64, limit int) ([]DeadLetter, error) {
	stream, err := b.deadLetterStream(ctx)
	if err != nil {
		return nil, err
	}
	var letters []DeadLetter
	for len(letters) < limit {
		raw, err := stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(event.DeadLetters().Prefix+".>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return letters, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading dead letters: %w", err)
		}
		if raw.Subject != event.Filler(event.DeadLetters()) {
			letters = append(letters, readDeadLetter(raw))
		}
		after = raw.Sequence
	}
	return letters, nil
}

func readDeadLetter(raw *jetstream.RawStreamMsg) DeadLetter {
	h := raw.Header
	attempts, _ := strconv.Atoi(h.Get(HeaderDeadAttempts)) // written by us; 0 when damaged
	original, _ := strconv.ParseUint(h.Get(HeaderDeadSequence), 10, 64)
	return DeadLetter{
		Sequence: raw.Sequence, Time: raw.Time, Size: len(raw.Data),
		Consumer: h.Get(HeaderDeadConsumer), Reason: h.Get(HeaderDeadReason), Attempts: attempts,
		Subject: h.Get(HeaderDeadSubject), OriginalStream: h.Get(HeaderDeadStream), OriginalSequence: original,
		Event: h.Get(HeaderEvent), AccountID: h.Get(HeaderAccount), MessageID: h.Get(HeaderDeadMsgID),
	}
}

// DeadLetter is one dead letter whole: what is known of it, all its headers and the original's
// body.
func (b *Bus) DeadLetter(ctx context.Context, sequence uint64) (letter DeadLetter, header nats.Header, body []byte, err error) {
	stream, err := b.deadLetterStream(ctx)
	if err != nil {
		return DeadLetter{}, nil, nil, err
	}
	raw, err := getDeadLetter(ctx, stream, sequence)
	if err != nil {
		return DeadLetter{}, nil, nil, err
	}
	return readDeadLetter(raw), raw.Header, raw.Data, nil
}

func getDeadLetter(ctx context.Context, stream jetstream.Stream, sequence uint64) (*jetstream.RawStreamMsg, error) {
	raw, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fault.Newf(fault.NotFound, "not_found", "There is no dead letter %d.", sequence)
	}
	if err != nil {
		return nil, fmt.Errorf("reading dead letter %d: %w", sequence, err)
	}
	return raw, nil
}

// Replay publishes a dead letter again under its original subject and then removes it. Should it
// stop between the two, replaying again is safe: the event's id has not changed, and consumers know
// it for longer than a dead letter is kept. The analyzer knows a message by its id for a week and
// after that each of its signals, for as long as the signal is kept.
func (b *Bus) Replay(ctx context.Context, sequence uint64) (Ack, error) {
	stream, err := b.deadLetterStream(ctx)
	if err != nil {
		return Ack{}, err
	}
	raw, err := getDeadLetter(ctx, stream, sequence)
	if err != nil {
		return Ack{}, err
	}
	again := nats.NewMsg(raw.Header.Get(HeaderDeadSubject))
	again.Data = raw.Data
	for key, values := range raw.Header {
		if !strings.HasPrefix(key, "Nats-") && !strings.HasPrefix(key, deadPrefix) {
			again.Header[key] = values
		}
	}
	// The plain id would be taken for a duplicate while the broker remembers the original.
	id, _, _ := strings.Cut(raw.Header.Get(HeaderDeadMsgID), "/")
	again.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s/replay-%d", id, sequence))
	ack, err := b.publish(ctx, raw.Header.Get(HeaderEvent), again)
	if err != nil {
		return Ack{}, err
	}
	if err := stream.SecureDeleteMsg(ctx, sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return ack, fmt.Errorf("removing replayed dead letter %d: %w", sequence, err)
	}
	return ack, nil
}

func (b *Bus) deadLetterStream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := b.js.Stream(ctx, event.DeadLetters().Name)
	if err != nil {
		return nil, fmt.Errorf("opening the dead letters: %w", publishFault(err))
	}
	return stream, nil
}
