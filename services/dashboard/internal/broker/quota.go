package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

const quotaTime = time.Second

// Quotas is the usage.Counter.
type Quotas struct{ bus *bus.Bus }

var _ usage.Counter = Quotas{}

// NewQuotas reads b's QUOTA bucket.
func NewQuotas(b *bus.Bus) Quotas { return Quotas{bus: b} }

// Used is what the account has used in the month of at, as far as its gateways have told.
func (q Quotas) Used(ctx context.Context, account uuid.UUID, at time.Time) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, quotaTime)
	defer cancel()
	bucket, err := q.bus.JetStream().KeyValue(ctx, event.QuotaBucket)
	if err != nil {
		return 0, fmt.Errorf("opening bucket %s: %w", event.QuotaBucket, err)
	}
	entry, err := bucket.Get(ctx, event.QuotaKey(account, at))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the account's quota: %w", err)
	}
	quota := &catalogv1.Quota{}
	if err := proto.Unmarshal(entry.Value(), quota); err != nil {
		return 0, fmt.Errorf("decoding the account's quota: %w", err)
	}
	return quota.GetUsed() + quota.GetLost(), nil
}
