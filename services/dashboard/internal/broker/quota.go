package broker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
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

// correctTries bounds the compare-and-sets of one correction that gateways were faster in.
const correctTries = 20

// Quotas is the usage.Counter and the usage.Ledgers. It is safe for concurrent use.
type Quotas struct {
	bus    *bus.Bus
	bucket atomic.Pointer[jetstream.KeyValue]
}

var (
	_ usage.Counter = (*Quotas)(nil)
	_ usage.Ledgers = (*Quotas)(nil)
)

// NewQuotas reads and corrects b's QUOTA bucket.
func NewQuotas(b *bus.Bus) *Quotas { return &Quotas{bus: b} }

// open looks the bucket up until it is found, and then no more: the handle is a name, so it outlives the
// broker's restarts, and the bucket itself when that is lost and made anew.
func (q *Quotas) open(ctx context.Context) (jetstream.KeyValue, error) {
	if bucket := q.bucket.Load(); bucket != nil {
		return *bucket, nil
	}
	bucket, err := q.bus.JetStream().KeyValue(ctx, event.QuotaBucket)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", event.QuotaBucket, err)
	}
	q.bucket.Store(&bucket)
	return bucket, nil
}

// read returns an entry with its revision; one that is not there is empty, of revision 0.
func read(ctx context.Context, bucket jetstream.KeyValue, key string) (*catalogv1.Quota, uint64, error) {
	quota := &catalogv1.Quota{}
	entry, err := bucket.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return quota, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the account's quota: %w", err)
	}
	if err := proto.Unmarshal(entry.Value(), quota); err != nil {
		return nil, 0, fmt.Errorf("decoding the account's quota: %w", err)
	}
	return quota, entry.Revision(), nil
}

// Used is what the account has used in the month of at, as far as its gateways have told.
func (q *Quotas) Used(ctx context.Context, account uuid.UUID, at time.Time) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, quotaTime)
	defer cancel()
	bucket, err := q.open(ctx)
	if err != nil {
		return 0, err
	}
	quota, _, err := read(ctx, bucket, event.QuotaKey(account, at))
	return quota.GetUsed() + quota.GetLost(), err
}

// Complete tells whether the bucket holds every account's month.
func (q *Quotas) Complete(ctx context.Context) (bool, error) {
	bucket, err := q.open(ctx)
	if err != nil {
		return false, err
	}
	_, err = bucket.Get(ctx, event.QuotaComplete)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("finding out whether bucket %s is complete: %w", event.QuotaBucket, err)
	}
	return true, nil
}

// NoteComplete notes it in the bucket itself, so that both are lost together.
func (q *Quotas) NoteComplete(ctx context.Context) error {
	bucket, err := q.open(ctx)
	if err != nil {
		return err
	}
	if _, err := bucket.Put(ctx, event.QuotaComplete, nil); err != nil {
		return fmt.Errorf("noting that bucket %s is complete: %w", event.QuotaBucket, err)
	}
	return nil
}

// Accounts lists who has an entry of the month.
func (q *Quotas) Accounts(ctx context.Context, month time.Time) ([]uuid.UUID, error) {
	bucket, err := q.open(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := bucket.ListKeysFiltered(ctx, event.QuotaMonthKeys(month))
	if err != nil {
		return nil, fmt.Errorf("listing bucket %s: %w", event.QuotaBucket, err)
	}
	defer func() { _ = keys.Stop() }() // fails only when the connection is gone
	var accounts []uuid.UUID
	for key := range keys.Keys() {
		if stand, ok := keyStand(key); ok {
			accounts = append(accounts, stand.Account)
		}
	}
	return accounts, nil
}

// Correct changes an account's entry by compare-and-set.
func (q *Quotas) Correct(ctx context.Context, account uuid.UUID, month time.Time, limit int64, correct func(usage.Ledger) usage.Ledger) (changed bool, err error) {
	bucket, err := q.open(ctx)
	if err != nil {
		return false, err
	}
	key := event.QuotaKey(account, month)
	for range correctTries {
		quota, revision, err := read(ctx, bucket, key)
		if err != nil {
			return false, err
		}
		before := usage.Ledger{Used: quota.GetUsed(), Lost: quota.GetLost(), Returned: quota.GetReturned()}
		for _, lease := range quota.GetLeases() {
			before.Held += lease.GetHeld()
		}
		after := correct(before)
		if after == before {
			return false, nil
		}
		quota.Used, quota.Returned = after.Used, after.Returned
		if revision == 0 {
			quota.MonthlySignalLimit = limit
		}
		value, err := proto.Marshal(quota)
		if err != nil {
			return false, fmt.Errorf("encoding the account's quota: %w", err)
		}
		_, err = bucket.Update(ctx, key, value, revision)
		if err == nil {
			return true, nil
		}
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
			return false, fmt.Errorf("correcting the account's quota: %w", err)
		}
	}
	return false, nil // gateways are busy with it: the next time will do
}
