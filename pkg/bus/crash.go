package bus

import (
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
)

// The number of a message's deliveries does not tell why there were so many: an outage that lasts a
// weekend makes as many as a message that takes the process down each time. So from a message's fourth
// delivery on its handling is noted before it begins, and the note is taken away when it has ended in
// any way. Notes that have piled up are handlings that never ended.
const (
	// unnotedAttempts are not worth a note: nearly every message is done by then.
	unnotedAttempts = 3
	// maxCrashes are forgiven: whoever restarts a service often must not lose a message by it.
	maxCrashes = 10
)

var errCrashes = fault.Permanent(errors.New("its handling has never ended: it may crash its consumer"))

// noted handles a message unless it is one that crashes its consumer.
func (c *consumer) noted(ctx context.Context, d Delivery[proto.Message], handle func() error) error {
	if d.Attempt <= unnotedAttempts {
		return handle()
	}
	noting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	note, err := c.note(noting, c.name+"."+strconv.FormatUint(d.Sequence, 10))
	switch {
	case errors.Is(err, errCrashes):
		return err
	case err != nil:
		// Without notes a message is handled all the same: they are for a rare evil.
		c.log.Debug("noting the beginning failed", zap.Uint64("sequence", d.Sequence), zap.Error(err))
		return handle()
	}
	err = handle()
	ending, cancelEnding := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancelEnding()
	if err := note.end(ending); err != nil {
		c.log.Debug("noting the end failed", zap.Uint64("sequence", d.Sequence), zap.Error(err))
	}
	return err
}

// note is how many handlings of one message have begun and not ended.
type note struct {
	bucket jetstream.KeyValue
	key    string
}

func (c *consumer) note(ctx context.Context, key string) (note, error) {
	bucket, err := c.bus.js.KeyValue(ctx, event.AttemptsBucket)
	if err != nil {
		return note{}, err
	}
	begun := 0
	switch entry, err := bucket.Get(ctx, key); {
	case err == nil:
		begun, _ = strconv.Atoi(string(entry.Value())) // ours alone; what is no number counts from 0
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return note{}, err
	}
	if begun >= maxCrashes {
		return note{}, errCrashes
	}
	_, err = bucket.PutString(ctx, key, strconv.Itoa(begun+1))
	return note{bucket: bucket, key: key}, err
}

func (n note) end(ctx context.Context) error { return n.bucket.Purge(ctx, n.key) }
