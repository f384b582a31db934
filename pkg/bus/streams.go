package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/event"
)

// CatalogMaxBytes bounds the CATALOG bucket: about 300 bytes a key, product or account.
const CatalogMaxBytes = 64 << 20

// QuotaMaxBytes bounds the QUOTA bucket: about 300 bytes an account and month.
const QuotaMaxBytes = 64 << 20

const (
	// attemptsMaxBytes bounds the ATTEMPTS bucket: about 100 bytes a message that came often.
	attemptsMaxBytes = 16 << 20
	// instanceMaxBytes bounds the INSTANCE bucket: about 500 bytes a service and its settings.
	instanceMaxBytes = 1 << 20
	// minStreamBytes is the least a stream is worth having with.
	minStreamBytes = 16 << 20
	// storageResourcesExceeded is nats-server's JSStorageResourcesExceededErr: it reserves every
	// stream's bound when the stream is made.
	storageResourcesExceeded = 10047
)

// EnsureStreams creates what is missing and brings the settings of what exists up to date: the
// catalogue's streams, DEADLETTER, ADVISORIES and the CATALOG, QUOTA, ATTEMPTS and INSTANCE buckets. Any number
// of processes may call it at once.
func (b *Bus) EnsureStreams(ctx context.Context) error {
	for _, bucket := range []bucket{
		{event.CatalogBucket, CatalogMaxBytes, 0, "What the gateway knows: keys, products, accounts. Written through the dashboard's outbox only."},
		{event.QuotaBucket, QuotaMaxBytes, event.QuotaKeep, "What accounts have used of their monthly limits, and what gateways hold of the rest."},
		{event.AttemptsBucket, attemptsMaxBytes, event.AttemptsKeep, "Handlings of messages that have begun and not ended."},
		{event.InstanceBucket, instanceMaxBytes, event.InstanceKeep, "What running services disclose about the data they hand on and keep, for the page /privacy."},
	} {
		if err := b.ensureBucket(ctx, bucket); err != nil {
			return fmt.Errorf("ensuring bucket %s: %w", bucket.name, err)
		}
	}
	advisories := b.config(event.Advisories())
	// Notices about messages, not messages: when full, the oldest make room for the newest.
	advisories.Discard = jetstream.DiscardOld
	refusals := b.config(event.Refusals())
	refusals.Discard = jetstream.DiscardOld // likewise
	for _, c := range []jetstream.StreamConfig{advisories, refusals} {
		if err := b.ensure(ctx, c); err != nil {
			return err
		}
	}
	// The largest last: on a small disk it makes do with what is left.
	for _, s := range []event.Stream{event.DeadLetters(), event.Facts(), event.Signals()} {
		if err := b.ensure(ctx, b.config(s)); err != nil {
			return err
		}
	}
	return nil
}

// bucket is a key-value bucket of one value a key.
type bucket struct {
	name     string
	maxBytes int64
	keep     time.Duration // 0: for good
	doc      string
}

// bucketDuplicates is how long a bucket remembers a write's id: what the client library sets.
const bucketDuplicates = 2 * time.Minute

// ensureBucket makes or updates the stream under a bucket as the client library would, but for one thing: its
// messages may be deleted one by one, so that a deleted account's entries can be overwritten on the disk. A
// bucket that was made without that keeps its ways; the broker does not change them.
func (b *Bus) ensureBucket(ctx context.Context, k bucket) error {
	c := jetstream.StreamConfig{
		Name: bucketStream(k.name), Description: k.doc, Subjects: []string{"$KV." + k.name + ".>"},
		Storage: jetstream.FileStorage, Replicas: b.replicas(),
		MaxMsgsPerSubject: 1, MaxBytes: b.maxBytes(k.name, k.maxBytes), MaxAge: k.keep, MaxMsgs: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Discard: jetstream.DiscardNew, Duplicates: bucketDuplicates, AllowRollup: true, AllowDirect: true,
	}
	there, err := b.js.Stream(ctx, c.Name)
	if err == nil {
		c.DenyDelete = there.CachedInfo().Config.DenyDelete
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	_, err = b.js.CreateOrUpdateStream(ctx, c)
	return err
}

// ensure makes a stream of the size that was asked for or, on a disk too small for it, of a half,
// a quarter and so on: a small machine runs with less room and says so. One that is there is never
// made smaller for lack of room: another process may have made it a moment ago and taken it.
func (b *Bus) ensure(ctx context.Context, c jetstream.StreamConfig) error {
	wanted, held, there := c.MaxBytes, int64(0), false
	for {
		var err error
		if !there {
			if held, there, err = b.sizeOf(ctx, c.Name); err != nil {
				return fmt.Errorf("looking up stream %s: %w", c.Name, err)
			}
			if there { // what was tried to make it does not matter any more
				c.MaxBytes = wanted
			}
		}
		if there {
			_, err = b.js.UpdateStream(ctx, c)
		} else {
			_, err = b.js.CreateStream(ctx, c)
		}
		switch {
		case err == nil && c.MaxBytes < wanted:
			b.log.Warn("the broker's disk is too small for a stream's usual size",
				zap.String("stream", c.Name), zap.Int64("wanted_bytes", wanted), zap.Int64("got_bytes", c.MaxBytes))
			return nil
		case err == nil:
			return nil
		case !there && errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
			// Made by another process, with another size, since we looked.
		case isDiskTooSmall(err) && c.MaxBytes > max(minStreamBytes, held):
			c.MaxBytes = max(c.MaxBytes/2, minStreamBytes, held)
		default:
			return fmt.Errorf("ensuring stream %s: %w", c.Name, err)
		}
	}
}

// sizeOf is what a stream may hold, if it is there.
func (b *Bus) sizeOf(ctx context.Context, name string) (bytes int64, there bool, err error) {
	stream, err := b.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return stream.CachedInfo().Config.MaxBytes, true, nil
}

func isDiskTooSmall(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == storageResourcesExceeded
}

func (b *Bus) config(s event.Stream) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        s.Name,
		Description: s.Doc,
		Subjects:    s.Subjects(),
		Storage:     jetstream.FileStorage,
		// Not WorkQueue: with it, an acknowledged message and a broker restart make the broker
		// forget message ids that are still inside the duplicate window.
		Retention: jetstream.LimitsPolicy,
		// The default, DiscardOld, throws away signals nobody has stored yet.
		Discard:    jetstream.DiscardNew,
		MaxAge:     s.MaxAge,
		MaxBytes:   b.maxBytes(s.Name, s.MaxBytes),
		MaxMsgSize: s.MaxMessageBytes,
		Duplicates: s.DuplicateWindow,
		Replicas:   b.replicas(),
		// Signal batches are text that repeats itself; S2 costs less than the disk it saves.
		Compression: jetstream.S2Compression,
	}
}

func (b *Bus) maxBytes(name string, byDefault int64) int64 {
	if n, ok := b.options.MaxBytes[name]; ok {
		return n
	}
	return byDefault
}

func (b *Bus) replicas() int { return max(1, b.options.Replicas) }
