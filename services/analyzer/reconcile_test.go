package analyzer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// acknowledged takes messages off the stream as the analyzer's consumer does, and stores
// nothing of them: what a database restored from a backup has lost.
func (s *stage) acknowledged(n int) {
	s.t.Helper()
	ctx := context.Background()
	source, err := s.bus.JetStream().CreateOrUpdateConsumer(ctx, event.Signals().Name, jetstream.ConsumerConfig{
		Durable: bus.DurableName(event.SignalBatch, "analyzer"), FilterSubjects: []string{event.SignalBatch.Info().Filter()},
		AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
	})
	require.NoError(s.t, err)
	lost, err := source.Fetch(n)
	require.NoError(s.t, err)
	for msg := range lost.Messages() {
		require.NoError(s.t, msg.DoubleAck(ctx))
	}
}

// reconcileAgain makes the next run due and waits until it has compared everything.
func (s *stage) reconcileAgain(last int64) {
	s.t.Helper()
	owner := s.db.Owner(s.t)
	_, err := owner.Exec(context.Background(), `TRUNCATE reconciliations`)
	require.NoError(s.t, err)
	_, err = owner.Exec(context.Background(), `UPDATE river_analyzer.river_job SET state = 'available', scheduled_at = now(), finalized_at = NULL, attempt = 0 WHERE kind = 'reconcile'`)
	require.NoError(s.t, err)
	s.reconciled(last)
}

func (s *stage) reconciled(last int64) {
	s.t.Helper()
	owner := s.db.Owner(s.t)
	testkit.Eventually(s.t, func() bool {
		var verified int64
		return owner.QueryRow(context.Background(), `SELECT verified FROM reconciliations`).Scan(&verified) == nil && verified == last
	}, "everything is compared")
}

func (s *stage) missing(n int) error {
	const name = "specter_analyzer_reconciliation_missing_messages_total"
	return testutil.GatherAndCompare(s.metrics, strings.NewReader(fmt.Sprintf(`
		# HELP %[1]s Messages that the hourly reconciliation found acknowledged but neither stored nor a dead letter. Anything but 0 is a mistake worth a look; each is stored, or a dead letter, when it is counted.
		# TYPE %[1]s counter
		%[1]s %[2]d
	`, name, n)), name)
}

// Messages that were acknowledged and never stored — as after a database restored from
// a backup — are found and stored; one that cannot be becomes a dead letter.
func TestReconciliationStoresWhatWasOnlyAcknowledged(t *testing.T) {
	t.Parallel()
	s := newIdleStage(t)
	ctx := context.Background()
	for range 3 {
		publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{
			s.signal("purchase", `{}`, time.Now(), false), s.signal("purchase", `{"password":"hunter2"}`, time.Now(), false),
		}})
	}
	publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{{Type: "no ids"}}})
	s.acknowledged(4)

	s.start()
	s.eventually("the lost signals are stored", `SELECT count(*) FROM signals`, 6)
	testkit.Eventually(t, func() bool {
		letters, err := s.bus.DeadLetters(ctx, 0, 10)
		return err == nil && len(letters) == 1 && letters[0].OriginalSequence == 4
	}, "the one that cannot be stored is a dead letter")
	s.reconciled(4)
	require.NoError(t, s.missing(4))
	s.eventually("without what must not be stored", `SELECT count(*) FROM signals WHERE payload::text LIKE '%hunter2%'`, 0)

	// With everything in its place nothing is missing, though one message has only a dead letter,
	// and another came again under a sequence of its own.
	_, err := s.db.Owner(t).Exec(ctx, `UPDATE stream_positions SET sequence = 1000 WHERE sequence = 1`)
	require.NoError(t, err)
	s.reconcileAgain(4)
	require.NoError(t, s.missing(4))
	s.eventually("and nothing came twice", `SELECT count(*) FROM signals`, 6)
}

// A week of messages is mended within the hour, so they are stored together. A run that
// fails leaves only the rest to the next, and what it found is counted.
func TestReconciliationStoresManyAtOnceAndGoesOnWhereItFailed(t *testing.T) {
	t.Parallel()
	const messages, group, failing = 150, 64, 100
	s := newIdleStage(t)
	for range messages {
		publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{s.signal("purchase", `{}`, time.Now(), false)}})
	}
	s.acknowledged(messages)
	owner := s.db.Owner(t)
	_, err := owner.Exec(t.Context(), fmt.Sprintf(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
		CREATE TRIGGER failing BEFORE INSERT ON stream_positions FOR EACH ROW WHEN (NEW.sequence = %d) EXECUTE FUNCTION fail()`, failing))
	require.NoError(t, err)

	s.start()
	s.eventually("what comes before the failure is stored", `SELECT count(*) FROM signals`, failing-1)
	testkit.Eventually(t, func() bool { return s.missing(failing-1) == nil }, "and counted")
	var transactions int
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(DISTINCT xmin::text) FROM stream_positions WHERE sequence <= $1`, group).Scan(&transactions))
	require.Equal(t, 1, transactions, "a group is stored at once")

	_, err = owner.Exec(t.Context(), `DROP TRIGGER failing ON stream_positions`)
	require.NoError(t, err)
	s.reconcileAgain(messages)
	require.NoError(t, s.missing(messages))
	s.eventually("all is stored, once", `SELECT count(*) FROM signals`, messages)
}
