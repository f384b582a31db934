package faults

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/link"
	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// consumer asks the broker how far the analyzer is; the broker is there.
func consumer(t *testing.T, r *rig.Rig) *jetstream.ConsumerInfo {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	info, err := r.Consumer(ctx)
	require.NoError(t, err)
	return info
}

// unacknowledged is how many messages are committed in the database and not settled
// at the broker. Those that are settled meanwhile do not count.
func unacknowledged(t *testing.T, r *rig.Rig) int64 {
	t.Helper()
	stored := committed(t, r)
	info := consumer(t, r)
	return stored - (int64(info.Delivered.Stream) - int64(info.NumAckPending))
}

func committed(t *testing.T, r *rig.Rig) (messages int64) {
	t.Helper()
	r.QueryRow(t, `SELECT count(*) FROM stream_positions`, &messages)
	return messages
}

func TestRow03KillAfterCommit(t *testing.T) {
	kills := count(10, 2)
	line := begin(t, "3", "kill -9 analyzer between COMMIT and ack ×%d", kills)
	r := rig.New(t, rig.Options{})
	underLoad(t, line, r, unhurried, count[int64](20_000, 5_000), kills, func() {
		// What the analyzer says reaches nobody any more; what it was given it commits.
		r.AnalyzerLink.Swallow(link.ToServer)
		program.Await(t, time.Minute, "a commit whose acknowledgement is lost", func() bool { return unacknowledged(t, r) > 0 })
		r.Analyzer.Kill()
		require.Positive(t, unacknowledged(t, r))
		r.AnalyzerLink.Heal()
		r.Analyzer.Start(t)
	})
	line.judge(t, r)
	info := consumer(t, r)
	require.Greater(t, info.Delivered.Consumer, info.Delivered.Stream, "what was committed and not acknowledged comes again")
	line.note("%d deliveries of %d messages", info.Delivered.Consumer, info.Delivered.Stream)
}

func TestRow04KillBeforeCommit(t *testing.T) {
	kills := count(10, 2)
	line := begin(t, "4", "kill -9 analyzer before COMMIT ×%d", kills)
	r := rig.New(t, rig.Options{})
	underLoad(t, line, r, unhurried, count[int64](20_000, 5_000), kills, func() {
		conn, err := pgx.Connect(t.Context(), r.Database.URL())
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		// The position is what a transaction writes last: it waits there.
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `LOCK TABLE stream_positions IN SHARE ROW EXCLUSIVE MODE`)
		require.NoError(t, err)
		const waiting = ` FROM pg_stat_activity WHERE application_name = 'specter-analyzer' AND wait_event_type = 'Lock' AND query LIKE '%INTO stream_positions%'`
		var sessions int
		program.Await(t, time.Minute, "a transaction about to commit", func() bool {
			r.QueryRow(t, `SELECT count(*)`+waiting, &sessions) // not in tx, which would see the first answer again and again
			return sessions > 0
		})
		before := committed(t, r)
		r.Analyzer.Kill()
		// The server ends a session whose client is gone once it looks; here it has no chance
		// to commit before that.
		r.Exec(t, `SELECT pg_terminate_backend(pid)`+waiting)
		require.NoError(t, tx.Rollback(t.Context()))
		require.Equal(t, before, committed(t, r), "what was not committed is not there")
		r.Analyzer.Start(t)
	})
	line.judge(t, r)
	info := consumer(t, r)
	require.Greater(t, info.Delivered.Consumer, info.Delivered.Stream, "what was not committed comes again")
	line.note("%d deliveries of %d messages", info.Delivered.Consumer, info.Delivered.Stream)
}

func TestRow18DuplicateDelivery(t *testing.T) {
	line := begin(t, "18", "AckWait shorter than the handler")
	r := rig.New(t, rig.Options{})
	const ackWait = 50 * time.Millisecond
	r.Exec(t, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
		CREATE TRIGGER slow BEFORE INSERT ON stream_positions FOR EACH STATEMENT EXECUTE FUNCTION slow()`)
	require.NoError(t, r.SetAckWait(t.Context(), ackWait))
	signals := count[int64](10_000, 1_000)
	// A thousand sent at once share a handful of messages, which the analyzer takes all together: the
	// broker has nobody to hand them to again.
	run := r.Send(t, load.Plan{Signals: signals, Limit: faultLimit, Patience: impatient, Think: count(0, unhurried.Think)})
	awaitAcked(t, r, run, signals)
	line.load(t, run)
	line.judge(t, r)
	info := consumer(t, r)
	again := info.Delivered.Consumer - info.Delivered.Stream
	require.Greater(t, again, info.Delivered.Stream/10, "deliveries must have been repeated, or nothing was tested")
	line.note("%d deliveries of %d messages", info.Delivered.Consumer, info.Delivered.Stream)
}
