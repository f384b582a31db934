package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// watchRetry is how long a watch that ended waits before the next.
const watchRetry = 5 * time.Second

// Stands is what changes of quotas are handed to.
type Stands interface {
	// Look may be handed the same again.
	Look(ctx context.Context, s usage.Stand) error
}

// WatchQuotas hands every account's stand to s as gateways tell it, first all that is there: what
// changed while nobody watched is seen then.
func WatchQuotas(b *bus.Bus, s Stands, log *zap.Logger) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready() // the dashboard serves meanwhile
		for ctx.Err() == nil {
			err := watchQuotas(ctx, b, s)
			if ctx.Err() != nil {
				return nil
			}
			log.Warn("watching the monthly limits was interrupted", zap.Error(err))
			select {
			case <-ctx.Done():
			case <-time.After(watchRetry):
			}
		}
		return nil
	})
}

func watchQuotas(ctx context.Context, b *bus.Bus, s Stands) error {
	bucket, err := b.JetStream().KeyValue(ctx, event.QuotaBucket)
	if err != nil {
		return fmt.Errorf("opening bucket %s: %w", event.QuotaBucket, err)
	}
	watch, err := bucket.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watching bucket %s: %w", event.QuotaBucket, err)
	}
	defer func() { _ = watch.Stop() }() // fails only when the connection is gone, and the watch with it
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, open := <-watch.Updates():
			if !open {
				return errors.New("the watch ended")
			}
			if e == nil { // all that was there when the watch began
				continue
			}
			stand, ok := toStand(e.Key(), e.Value())
			if !ok {
				continue // deleted, or nothing that gateways write
			}
			if err := s.Look(ctx, stand); err != nil {
				return err
			}
		}
	}
}

// keyStand reads whose month an entry is of.
func keyStand(key string) (usage.Stand, bool) {
	name, month, _ := strings.Cut(key, ".")
	account, err := uuid.Parse(name)
	if err != nil {
		return usage.Stand{}, false
	}
	at, err := time.Parse("2006-01", month)
	if err != nil {
		return usage.Stand{}, false
	}
	return usage.Stand{Account: account, Month: at}, true
}

func toStand(key string, value []byte) (usage.Stand, bool) {
	stand, ok := keyStand(key)
	if !ok {
		return usage.Stand{}, false
	}
	var q catalogv1.Quota
	if len(value) == 0 || proto.Unmarshal(value, &q) != nil {
		return usage.Stand{}, false
	}
	stand.Used, stand.Limit = q.GetUsed()+q.GetLost(), q.GetMonthlySignalLimit()
	return stand, true
}
