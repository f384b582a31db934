package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// Erased is what Erase did.
type Erased struct {
	// Messages that told of the account, by stream. A dead letter of many accounts' data counts, and stays
	// without this account's.
	Messages map[string]int64
	// Waiting is how many hold others' data, too, that somebody has yet to process.
	Waiting int
	// Next is where each stream has to be looked at from the next time: what comes before holds nothing of
	// the account.
	Next map[string]uint64
}

// endOfStream is how long an erasure waits for the next message before it asks whether the stream has ended: the last
// ones may have been removed since it began.
const endOfStream = 2 * time.Second

// unnoticed is longer than it takes until a consumer counts a message that was stored. A younger one that others share
// may not have been processed, whatever the consumers say.
const unnoticed = 2 * time.Second

// Erase removes every stored message that tells of account, from every stream and bucket. It reads them all:
// whatever carries the account's id goes, also what this release does not know. names are keys of the CATALOG
// bucket that are the account's; a deletion's marker there has no value to tell it by. from is an earlier
// Erased.Next, or nil.
//
// Bytes are overwritten on the broker's disk. Not those of values that newer ones replaced in a bucket before, and
// none in a bucket that was made by a release which forbade it: Renew sees to those.
func (b *Bus) Erase(ctx context.Context, account uuid.UUID, names []string, from map[string]uint64) (Erased, error) {
	e := eraser{Bus: b, account: account, text: []byte(account.String()), subjects: make(map[string]bool)}
	for _, name := range names {
		e.subjects[event.CatalogSubject(name)] = true
	}
	done := Erased{Messages: make(map[string]int64), Next: maps.Clone(from)}
	if done.Next == nil {
		done.Next = make(map[string]uint64)
	}
	for _, name := range kept() {
		n, waiting, next, err := e.stream(ctx, name, from[name])
		if n > 0 {
			done.Messages[name] += n
		}
		if err != nil {
			return done, fmt.Errorf("erasing an account from %s: %w", name, publishFault(err))
		}
		done.Waiting += waiting
		done.Next[name] = next
	}
	return done, nil
}

// kept names everything the broker keeps for us, streams and buckets.
func kept() []string {
	var names []string
	for _, s := range append(event.Streams(), event.Advisories(), event.DeadLetters()) {
		names = append(names, s.Name)
	}
	for _, bucket := range append(telling(), event.AttemptsBucket, event.InstanceBucket) {
		names = append(names, bucketStream(bucket))
	}
	return names
}

type eraser struct {
	*Bus
	account  uuid.UUID
	text     []byte
	subjects map[string]bool
}

// stream erases from one stream, beginning at from.
func (e eraser) stream(ctx context.Context, name string, from uint64) (erased int64, waiting int, next uint64, err error) {
	stream, err := e.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, 0, 0, nil
	}
	if err != nil {
		return 0, 0, 0, err
	}
	info := stream.CachedInfo()
	if from > info.State.LastSeq+1 { // a broker that lost its store counts from 1 again
		from = 0
	}
	next = info.State.LastSeq + 1
	hits, err := e.find(ctx, stream, max(from, info.State.FirstSeq))
	if err != nil {
		return 0, 0, 0, err
	}
	waitsFor := func(h hit) bool { return e.shared(h) && name != event.DeadLetters().Name } // dead letters nobody waits for
	var settled uint64
	if slices.ContainsFunc(hits, waitsFor) {
		if settled, err = settledByAll(ctx, stream); err != nil {
			return 0, 0, 0, err
		}
	}
	for _, hit := range hits {
		if waitsFor(hit) && (hit.sequence > settled || info.TimeStamp.Sub(hit.at) < unnoticed) {
			waiting++
			next = min(next, hit.sequence)
			continue
		}
		if err := e.erase(ctx, stream, hit); err != nil {
			return erased, waiting, min(next, hit.sequence), err
		}
		erased++
	}
	return erased, waiting, next, nil
}

// hit is a message that tells of the account.
type hit struct {
	sequence uint64
	subject  string
	at       time.Time // by the broker's clock
}

// find looks at every message from a sequence on.
func (e eraser) find(ctx context.Context, stream jetstream.Stream, from uint64) (hits []hit, err error) {
	err = e.each(ctx, stream, from, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if e.tells(msg.Subject(), msg.Headers(), msg.Data()) {
			hits = append(hits, hit{meta.Sequence.Stream, msg.Subject(), meta.Timestamp})
		}
		return nil
	})
	return hits, err
}

// each shows every message from a sequence on to the last that stream's cached state knows.
func (b *Bus) each(ctx context.Context, stream jetstream.Stream, from uint64, see func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	state := stream.CachedInfo().State
	if state.Msgs == 0 || from > state.LastSeq {
		return nil
	}
	from = max(from, 1)
	source, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return err
	}
	messages, err := source.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		next, cancel := context.WithTimeout(ctx, endOfStream)
		msg, err := messages.Next(jetstream.NextContext(next))
		over := next.Err() != nil && ctx.Err() == nil
		cancel()
		if over {
			ended, err := endedAfter(ctx, stream, from, state.LastSeq)
			if ended || err != nil {
				return err
			}
			continue // the broker is slow, or away
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Stream > state.LastSeq {
			return nil
		}
		if err := see(msg, meta); err != nil {
			return err
		}
		if meta.NumPending == 0 || meta.Sequence.Stream == state.LastSeq {
			return nil
		}
		from = meta.Sequence.Stream + 1
	}
}

// endedAfter reports whether nothing is left in a stream from a sequence on up to the last.
func endedAfter(ctx context.Context, stream jetstream.Stream, from, last uint64) (bool, error) {
	next, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(">"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return next.Sequence > last, nil
}

// tells reports whether a message carries the account's id in any of its forms.
func (e eraser) tells(subject string, header nats.Header, data []byte) bool {
	if e.subjects[subject] || strings.Contains(subject, string(e.text)) || bytes.Contains(data, e.account[:]) || bytes.Contains(data, e.text) {
		return true
	}
	for _, values := range header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, string(e.text)) }) {
			return true
		}
	}
	return false
}

// shared reports whether others' data may be in the message, too: a subject of ours that names no account.
func (e eraser) shared(h hit) bool {
	return !strings.Contains(h.subject, string(e.text)) && !e.subjects[h.subject] && !strings.HasPrefix(h.subject, "$KV.")
}

func (e eraser) erase(ctx context.Context, stream jetstream.Stream, h hit) error {
	config := stream.CachedInfo().Config
	if config.Name == event.DeadLetters().Name && e.shared(h) {
		if err := e.rewrite(ctx, stream, h.sequence); err != nil {
			return err
		}
	}
	var err error
	if config.DenyDelete {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(h.subject))
	} else {
		err = stream.SecureDeleteMsg(ctx, h.sequence)
	}
	if err == nil {
		return nil
	}
	if _, left := stream.GetMsg(ctx, h.sequence); errors.Is(left, jetstream.ErrMsgNotFound) {
		return nil // gone by age, or replaced by a newer value, since it was found
	}
	return err
}

// rewrite publishes a dead letter of many accounts' data again without this account's. One that cannot be read
// cannot be replayed either, and goes whole.
func (e eraser) rewrite(ctx context.Context, stream jetstream.Stream, sequence uint64) error {
	raw, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	info, known := event.ByTag(raw.Header.Get(HeaderEvent))
	if !known {
		return nil
	}
	body := info.New()
	if proto.Unmarshal(raw.Data, body) != nil {
		return nil
	}
	if _, left := event.Without(body, e.account); left == 0 {
		return nil
	}
	again := nats.NewMsg(raw.Subject)
	if again.Data, err = proto.Marshal(body); err != nil {
		return fmt.Errorf("encoding what is left of a dead letter: %w", err)
	}
	again.Header = maps.Clone(raw.Header)
	for key := range again.Header {
		if strings.HasPrefix(key, "Nats-") && key != jetstream.MsgIDHeader {
			delete(again.Header, key)
		}
	}
	// The plain id would be taken for a duplicate while the broker remembers the original; repeated after a
	// crash it is one.
	again.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s/rest-%d", raw.Header.Get(jetstream.MsgIDHeader), sequence))
	_, err = e.publish(ctx, "dead_letter", again)
	return err
}
