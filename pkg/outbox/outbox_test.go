package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const service = "proposal"

type stage struct {
	t    *testing.T
	db   *testkit.DB
	pool *pgxpool.Pool
	nats *testkit.NATSServer
	bus  *bus.Bus
	box  outbox.Outbox
}

func newStage(t *testing.T) *stage {
	t.Helper()
	db, nats := testkit.Postgres(t), testkit.NATS(t)
	return &stage{t: t, db: db, pool: db.Pool(t, "specter_"+service), nats: nats, bus: nats.Bus(t), box: outbox.New(service)}
}

func (s *stage) relay() lifecycle.Service { return s.box.Relay(s.pool, s.bus, zap.NewNop()) }

func (s *stage) put(m bus.Message[*eventv1.ProposalCreated]) error {
	return pg.InTx(s.t.Context(), s.pool, func(tx pgx.Tx) error {
		return outbox.Put(s.t.Context(), tx, s.box, event.ProposalCreated, m)
	})
}

func (s *stage) rows() int {
	s.t.Helper()
	var n int
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), "SELECT count(*) FROM outbox_"+service).Scan(&n))
	return n
}

func (s *stage) stored() uint64 {
	s.t.Helper()
	stream, err := s.bus.JetStream().Stream(s.t.Context(), "EVENTS")
	require.NoError(s.t, err)
	return stream.CachedInfo().State.Msgs
}

func (s *stage) titles() []string {
	s.t.Helper()
	stream, err := s.bus.JetStream().Stream(s.t.Context(), "EVENTS")
	require.NoError(s.t, err)
	var titles []string
	for seq := range stream.CachedInfo().State.LastSeq {
		msg, err := stream.GetMsg(s.t.Context(), seq+1)
		require.NoError(s.t, err)
		titles = append(titles, msg.Header.Get("Specter-Account")+"/"+msg.Header.Get("Nats-Msg-Id"))
	}
	return titles
}

func message(account uuid.UUID) bus.Message[*eventv1.ProposalCreated] {
	return bus.Message[*eventv1.ProposalCreated]{ID: uuid.New(), AccountID: account, Time: time.Now(), Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString()}}
}

func run(t *testing.T, s lifecycle.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() {}) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(t, <-ended)
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestACommittedMessageIsPublishedAndARolledBackOneIsNot(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	run(t, s.relay())
	got := make(chan bus.Delivery[*eventv1.ProposalCreated], 2)
	run(t, bus.Consume(s.bus, event.ProposalCreated, bus.ConsumerOptions{Durable: "test"}, func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		got <- d
		return nil
	}))

	abandoned := errors.New("changed my mind")
	err := pg.InTx(t.Context(), s.pool, func(tx pgx.Tx) error {
		require.NoError(t, outbox.Put(t.Context(), tx, s.box, event.ProposalCreated, message(uuid.New())))
		return abandoned
	})
	require.ErrorIs(t, err, abandoned)
	sent := message(uuid.New())
	started := time.Now()
	require.NoError(t, s.put(sent))

	d := <-got
	require.Less(t, time.Since(started), 5*time.Second)
	require.Equal(t, sent.ID, d.ID)
	require.Equal(t, sent.AccountID, d.AccountID)
	require.Equal(t, sent.Body.GetProposalId(), d.Body.GetProposalId())
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "the row is deleted")
	require.EqualValues(t, 1, s.stored())
}

func TestACrashBetweenPublishAndDeleteChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	// What a relay leaves that died after the acknowledgement: published, and still in the table.
	m := message(uuid.New())
	_, err := bus.Publish(t.Context(), s.bus, event.ProposalCreated, m)
	require.NoError(t, err)
	require.NoError(t, s.put(m))

	run(t, s.relay())
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "the row is deleted")
	require.EqualValues(t, 1, s.stored(), "the broker dropped the second one by its id")
}

func TestOneAccountsMessagesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	accounts := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	want := map[uuid.UUID][]string{}
	require.NoError(t, pg.InTx(t.Context(), s.pool, func(tx pgx.Tx) error {
		for i := range 600 { // more than two batches
			m := message(accounts[i%len(accounts)])
			want[m.AccountID] = append(want[m.AccountID], m.AccountID.String()+"/"+m.ID.String())
			if err := outbox.Put(t.Context(), tx, s.box, event.ProposalCreated, m); err != nil {
				return err
			}
		}
		return nil
	}))
	run(t, s.relay())
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "all are relayed")

	got := map[uuid.UUID][]string{}
	for _, title := range s.titles() {
		account := uuid.MustParse(title[:36])
		got[account] = append(got[account], title)
	}
	require.Equal(t, want, got)
}

func TestTheBrokersAbsenceIsWaitedOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	run(t, s.relay())
	s.nats.Kill(t)
	for range 10 {
		require.NoError(t, s.put(message(uuid.New())), "writing does not need the broker")
	}
	require.Equal(t, 10, s.rows())
	s.nats.Start(t)
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "all are relayed after it is back")
	require.EqualValues(t, 10, s.stored())
}

func TestASecondRelayTakesOverAndNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := run(t, s.relay())
	run(t, s.relay())
	for range 20 {
		require.NoError(t, s.put(message(uuid.New())))
	}
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "relayed")
	first()
	for range 20 {
		require.NoError(t, s.put(message(uuid.New())))
	}
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "relayed by whoever is left")
	require.EqualValues(t, 40, s.stored())
}

func TestALostDatabaseConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	run(t, s.relay())
	require.NoError(t, s.put(message(uuid.New())))
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "relayed")
	owner := s.db.Owner(t)
	_, err := owner.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	require.NoError(t, err)
	require.NoError(t, s.put(message(uuid.New())))
	testkit.Eventually(t, func() bool { return s.rows() == 0 }, "relayed on a new connection")
}

func TestCatalogueWritesLandInTheBucketInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	run(t, s.relay())
	write := func(fn func(tx pgx.Tx) error) {
		t.Helper()
		require.NoError(t, pg.InTx(t.Context(), s.pool, fn))
	}
	bucket, err := s.bus.JetStream().KeyValue(t.Context(), event.CatalogBucket)
	require.NoError(t, err)
	write(func(tx pgx.Tx) error {
		return errors.Join(s.box.PutKV(t.Context(), tx, "product.a", []byte("1")), s.box.PutKV(t.Context(), tx, "product.b", []byte("1")),
			s.box.PutKV(t.Context(), tx, "product.a", []byte("2")))
	})
	testkit.Eventually(t, func() bool {
		entry, err := bucket.Get(t.Context(), "product.a")
		return err == nil && string(entry.Value()) == "2"
	}, "the last value wins")
	write(func(tx pgx.Tx) error { return s.box.DeleteKV(t.Context(), tx, "product.a") })
	testkit.Eventually(t, func() bool {
		keys, err := bucket.Keys(t.Context())
		return err == nil && len(keys) == 1 && keys[0] == "product.b"
	}, "it is deleted")

	for _, bad := range []string{"", "a b", "a.*", ".a", "a."} {
		require.Error(t, pg.InTx(t.Context(), s.pool, func(tx pgx.Tx) error { return s.box.PutKV(t.Context(), tx, bad, []byte("1")) }), bad)
	}
}

func TestAnEventIsClaimedOnceHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := uuid.New()
	claim := func(consumer string) (fresh bool, err error) {
		err = pg.InTx(t.Context(), s.pool, func(tx pgx.Tx) error {
			fresh, err = s.box.Claim(t.Context(), tx, consumer, id)
			return err
		})
		return fresh, err
	}
	var fresh atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if won, err := claim("findings"); err == nil && won {
				fresh.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, fresh.Load())
	other, err := claim("approvals")
	require.NoError(t, err)
	require.True(t, other, "each consumer has its own effect")
}

// A consumer killed between its commit and the acknowledgement sees the message again; the inbox
// keeps its effect single.
func TestKilledBetweenCommitAndAckTheEffectStaysSingle(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	options := bus.ConsumerOptions{Durable: "test", AckWait: 500 * time.Millisecond, Concurrency: 2}
	var effects, deliveries atomic.Int32
	handler := func(kill bool) bus.Handler[*eventv1.ProposalCreated] {
		return func(ctx context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
			deliveries.Add(1)
			err := pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
				fresh, err := s.box.Claim(ctx, tx, "test", d.ID)
				if err != nil || !fresh {
					return err
				}
				effects.Add(1)
				return nil
			})
			if err == nil && kill {
				return fmt.Errorf("killed before the ack: %w", context.Canceled)
			}
			return err
		}
	}
	for range 30 {
		_, err := bus.Publish(t.Context(), s.bus, event.ProposalCreated, message(uuid.New()))
		require.NoError(t, err)
	}
	stop := run(t, bus.Consume(s.bus, event.ProposalCreated, options, handler(true)))
	testkit.Eventually(t, func() bool { return effects.Load() == 30 }, "each was committed once")
	stop()
	before := deliveries.Load()
	run(t, bus.Consume(s.bus, event.ProposalCreated, options, handler(false)))
	testkit.Eventually(t, func() bool {
		pending, floor, err := s.bus.ConsumerPending(t.Context(), event.ProposalCreated, "test")
		return err == nil && pending == 0 && floor == 30
	}, "all are settled in the end")
	require.GreaterOrEqual(t, deliveries.Load()-before, int32(30), "all came again")
	require.EqualValues(t, 30, effects.Load())
}
