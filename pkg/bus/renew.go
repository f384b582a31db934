package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/draftlabs/specter/pkg/event"
)

const (
	// largestBlock is the most that any broker writes into one file of a stream (nats-server's maxBlockSize).
	largestBlock = 8 << 20
	// fillerBytes is how large a message is at most that only fills a file.
	fillerBytes = 1 << 20
	// rewritesAtOnce bounds how many entries of a bucket are on their way to the broker: gateways that write to it wait
	// for as many.
	rewritesAtOnce = 8
	// renewFor bounds how long a bucket is written for; what a disk is too slow for stays.
	renewFor = 4 * time.Minute
)

// Roll makes the broker begin a new file in every stream and bucket that tells of accounts. What it removed because of its age, or because
// a newer value replaced it, stays in a file that is still written to; where little is written that can be for
// months. The file that is left is written anew at once when most of it is gone, and goes when all of it is.
//
// full names the streams and buckets that have no room for it. Those begin new files by themselves.
func (b *Bus) Roll(ctx context.Context) (full []string, err error) {
	for _, s := range append(event.Streams(), event.DeadLetters()) {
		room, err := b.roll(ctx, s.Name, event.Filler(s))
		if err != nil {
			return full, err
		}
		if !room {
			full = append(full, s.Name)
		}
	}
	for _, name := range telling() {
		room, err := b.roll(ctx, bucketStream(name), event.BucketFiller(name))
		if err != nil {
			return full, err
		}
		if !room {
			full = append(full, bucketStream(name))
		}
	}
	return full, nil
}

// Renew writes the entries of the buckets that name accounts anew, in files of their own: nothing is left of what
// newer values replaced, nor of what Erase removed from a bucket that forbids overwriting. Whoever watches a bucket
// sees every entry again as it was. An entry that changes meanwhile keeps its newer value.
//
// A bucket of more than maxBytes stays as it is, and so does one without room or on a disk that is too slow; left names
// them.
func (b *Bus) Renew(ctx context.Context, maxBytes int64) (left []string, err error) {
	for _, name := range telling() {
		done, err := b.renew(ctx, name, maxBytes)
		if err != nil {
			return left, fmt.Errorf("writing bucket %s anew: %w", name, publishFault(err))
		}
		if !done {
			left = append(left, name)
		}
	}
	return left, nil
}

func (b *Bus) renew(ctx context.Context, name string, maxBytes int64) (done bool, err error) {
	stream, err := b.js.Stream(ctx, bucketStream(name))
	if err != nil {
		return false, err
	}
	if stream.CachedInfo().State.Bytes > uint64(max(0, maxBytes)) {
		return false, nil
	}
	room, err := b.roll(ctx, bucketStream(name), event.BucketFiller(name))
	if err != nil || !room {
		return false, err
	}
	if _, err := stream.Info(ctx); err != nil { // what there is now is what can be in older files
		return false, err
	}
	until, stop := context.WithTimeout(ctx, renewFor)
	defer stop()
	w := rewriting{Bus: b}
	err = b.each(until, stream, 1, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if name == event.QuotaBucket && event.QuotaOver(msg.Subject(), time.Now()) { // its new age would have it kept again
			return stream.Purge(ctx, jetstream.WithPurgeSubject(msg.Subject()))
		}
		return w.again(until, msg, meta.Sequence.Stream)
	})
	if err == nil {
		err = w.settle(until, 0)
	}
	if err != nil && until.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// rewriting publishes entries of a bucket again, some at a time.
type rewriting struct {
	*Bus
	pending []jetstream.PubAckFuture
}

func (w *rewriting) again(ctx context.Context, msg jetstream.Msg, sequence uint64) error {
	again := nats.NewMsg(msg.Subject())
	again.Data = msg.Data()
	again.Header = maps.Clone(msg.Headers())
	for key := range again.Header {
		if strings.HasPrefix(key, "Nats-") { // the id of the first write, too: the broker knows it
			delete(again.Header, key)
		}
	}
	future, err := w.js.PublishMsgAsync(again, jetstream.WithExpectLastSequencePerSubject(sequence))
	if err != nil {
		return err
	}
	w.pending = append(w.pending, future)
	return w.settle(ctx, rewritesAtOnce)
}

// settle waits until no more than atMost entries are on their way.
func (w *rewriting) settle(ctx context.Context, atMost int) error {
	for ; len(w.pending) > atMost; w.pending = w.pending[1:] {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.pending[0].Ok():
		case err := <-w.pending[0].Err():
			if !IsWrongRevision(err) { // else somebody wrote a newer value
				return err
			}
		}
	}
	return nil
}

// roll fills a stream's present file until the broker begins another.
func (b *Bus) roll(ctx context.Context, name, subject string) (room bool, err error) {
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return false, fmt.Errorf("looking up stream %s: %w", name, publishFault(err))
	}
	info := stream.CachedInfo()
	if info.State.Msgs == 0 || info.State.Msgs == info.State.LastSeq {
		return true, nil // an empty stream has an empty file, and nothing was ever removed from a full one
	}
	const all = largestBlock + fillerBytes
	if limit := info.Config.MaxBytes; limit > 0 && info.State.Bytes+2*all > uint64(limit) {
		return false, nil
	}
	// Whatever happens, none is left: what a bucket's readers would see is the mark of a key that was deleted.
	defer func() {
		if gone := stream.Purge(context.WithoutCancel(ctx), jetstream.WithPurgeSubject(subject)); gone != nil && err == nil {
			err = fmt.Errorf("removing what filled a file of %s: %w", name, publishFault(gone))
		}
	}()
	filler := nats.NewMsg(subject)
	filler.Data = make([]byte, min(fillerBytes, b.MaxMessageBytes()))
	_, _ = rand.Read(filler.Data) // never fails; what can be compressed would fill nothing
	filler.Header.Set("KV-Operation", "DEL")
	var last uint64
	for filled := 0; filled < all; filled += len(filler.Data) {
		ack, err := b.js.PublishMsg(ctx, filler)
		if err != nil {
			return false, fmt.Errorf("filling a file of %s: %w", name, publishFault(err))
		}
		// One by one: that is what makes the broker look whether the file before is worth keeping. A bucket
		// removes what a newer value replaces in the same way.
		if last > 0 && info.Config.MaxMsgsPerSubject != 1 {
			if err := stream.DeleteMsg(ctx, last); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
				return false, fmt.Errorf("removing what filled a file of %s: %w", name, publishFault(err))
			}
		}
		last = ack.Sequence
	}
	return true, nil
}

// IsWrongRevision reports whether a bucket refused a write because its key has another revision than was expected.
func IsWrongRevision(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// bucketStream is the stream under a bucket.
func bucketStream(bucket string) string { return "KV_" + bucket }

// telling names the buckets that tell of accounts.
func telling() []string { return []string{event.CatalogBucket, event.QuotaBucket} }
