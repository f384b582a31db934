package dashboard_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

func (w *world) quotas() jetstream.KeyValue {
	w.t.Helper()
	bucket, err := w.bus.JetStream().KeyValue(context.Background(), event.QuotaBucket)
	require.NoError(w.t, err)
	return bucket
}

func (w *world) quotaOf(account uuid.UUID) (*catalogv1.Quota, bool) {
	w.t.Helper()
	q := &catalogv1.Quota{}
	entry, err := w.quotas().Get(context.Background(), event.QuotaKey(account, w.clock.Now()))
	if err != nil {
		require.ErrorIs(w.t, err, jetstream.ErrKeyNotFound)
		return q, false
	}
	require.NoError(w.t, proto.Unmarshal(entry.Value(), q))
	return q, true
}

// counted writes what became of the account's signals of this month, as the analyzer does.
func (w *world) counted(account uuid.UUID, stored, unstored int) {
	w.insert("specter_analyzer", account, `INSERT INTO signal_counts (account_id, month, stored, unstored) VALUES ($1, date_trunc('month', now() AT TIME ZONE 'UTC')::date, $2, $3)
		ON CONFLICT (account_id, month) DO UPDATE SET stored = excluded.stored, unstored = excluded.unstored`, account, stored, unstored)
}

func (w *world) quotaComplete() bool {
	_, err := w.quotas().Get(context.Background(), event.QuotaComplete)
	return err == nil
}

func TestALostBucketIsRestoredFromWhatIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limited, unlimited, silent := w.tenant(), w.tenant(), w.tenant()
	pool := w.db.Pool(t, "specter_dashboard")
	for _, tenant := range []testkit.Tenant{limited, silent} {
		_, err := limitAccount(t.Context(), pool, tenant.Email, 1000, time.Now())
		require.NoError(t, err)
	}
	testkit.Eventually(t, w.quotaComplete, "a new bucket is complete")
	w.counted(limited.AccountID, 70, 5)
	w.counted(unlimited.AccountID, 70, 5)

	stream, err := w.bus.JetStream().Stream(t.Context(), "KV_"+event.QuotaBucket)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	testkit.Eventually(t, w.quotaComplete, "it is restored")
	q, ok := w.quotaOf(limited.AccountID)
	require.True(t, ok)
	require.EqualValues(t, 70, q.GetUsed())
	require.EqualValues(t, 1000, q.GetMonthlySignalLimit())
	for _, tenant := range []testkit.Tenant{unlimited, silent} {
		_, ok = w.quotaOf(tenant.AccountID)
		require.False(t, ok, "nothing of it counts")
	}
}

func TestWhatWasCountedTwiceIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	tenant := w.tenant()
	_, err := limitAccount(t.Context(), w.db.Pool(t, "specter_dashboard"), tenant.Email, 1000, time.Now())
	require.NoError(t, err)
	w.counted(tenant.AccountID, 70, 12)
	value, err := proto.Marshal(&catalogv1.Quota{
		MonthlySignalLimit: 1000, Used: 80, Lost: 3, Leases: []*catalogv1.QuotaLease{{Holder: []byte("sixteen bytes ..."), Held: 10, Serial: 4}},
	})
	require.NoError(t, err)
	_, err = w.quotas().Put(t.Context(), event.QuotaKey(tenant.AccountID, w.clock.Now()), value)
	require.NoError(t, err)
	for range 2 { // each start compares; the second finds nothing more to give back
		stop := w.start(w.config(), zap.NewNop())
		testkit.Eventually(t, func() bool { q, _ := w.quotaOf(tenant.AccountID); return q.GetReturned() == 12 }, "it is given back")
		stop()
		q, _ := w.quotaOf(tenant.AccountID)
		require.EqualValues(t, 68, q.GetUsed(), "two more of the eighty are on their way: ten are held, three may be")
		require.EqualValues(t, 3, q.GetLost())
		require.Len(t, q.GetLeases(), 1, "what gateways hold is theirs")
		require.EqualValues(t, 4, q.GetLeases()[0].GetSerial())
	}
}
