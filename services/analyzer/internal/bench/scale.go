package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	small = 100_000
	// looks at each of the two contexts, taken in turns.
	looks     = 15
	storeSize = 5_000 // signals a call of the store
)

// subject is a context with signals in Postgres.
type subject struct {
	account, product, context uuid.UUID
	signals                   int
	took                      []time.Duration
}

// scale stores four weeks of a hundred thousand and of ten million signals as the
// analyzer stores them, and times analyses of both in turns. A segment breaks on the
// last day, so that an analysis does all it can have to: watch, contrast, explain.
func (r *result) scale(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "specter-bench-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres's own user must get through
		return err
	}
	server, err := pgserver.Start(ctx, pgserver.Options{DataDir: filepath.Join(dir, "pg"), Log: zap.NewNop()})
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, server.Stop(stopping))
	}()
	if err := schema.Up(ctx, server.URL()); err != nil {
		return err
	}
	pool, err := pg.Open(ctx, pg.Options{URL: server.URL(), Role: "specter_analyzer", AppName: "bench"})
	if err != nil {
		return err
	}
	defer pool.Close()
	clock := time.Now // partitions of ids are made for the database's own today
	store := postgres.NewSignals(pool, outbox.New("analyzer"), clock, func(uuid.UUID) time.Time { return clock() }, func(context.Context, pgx.Tx, []signal.Area) error { return nil })
	subjects := []*subject{{signals: small}, {signals: r.Large}}
	for _, s := range subjects {
		began := time.Now()
		if err := s.seed(ctx, server.URL()); err != nil {
			return err
		}
		if err := s.fill(ctx, store); err != nil {
			return err
		}
		if err := store.Merge(ctx, s.account); err != nil { // as a timer does every hour
			return err
		}
		fmt.Fprintf(out, "stored %d signals in %.0f s\n", s.signals, time.Since(began).Seconds())
	}
	if err := settle(ctx, server.URL()); err != nil {
		return err
	}
	again := func(context.Context, pgx.Tx, signal.Area, time.Time, time.Time) error { return nil }
	service := analysis.New(postgres.NewAnalyses(pool, outbox.New("analyzer"), clock, again), storedAtOnce, clock, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
	for range looks {
		for _, s := range subjects {
			began := time.Now()
			if err := service.Run(ctx, analysis.Request{AccountID: s.account, ContextID: s.context, Trigger: analysis.Requested, DryRun: true}); err != nil {
				return err
			}
			s.took = append(s.took, time.Since(began))
		}
	}
	for _, s := range subjects {
		slices.Sort(s.took)
		said, err := s.said(ctx, pool)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "an analysis of %d signals takes %.0f ms and says: %s\n", s.signals, float64(s.median().Microseconds())/1000, said)
	}
	r.ScaleRatio = float64(subjects[1].median()) / float64(subjects[0].median())
	r.AnalysisMS = float64(subjects[1].median().Microseconds()) / 1000
	return nil
}

func (s *subject) median() time.Duration { return s.took[len(s.took)/2] }

// said is what the last look recorded.
func (s *subject) said(ctx context.Context, pool *pgxpool.Pool) (reason string, err error) {
	err = tenant.Tx(ctx, pool, s.account, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT reason FROM analyses WHERE context_id = $1 ORDER BY started_at DESC LIMIT 1`, s.context).Scan(&reason)
	})
	return reason, err
}

// seed makes the account, as the dashboard does.
func (s *subject) seed(ctx context.Context, url string) error {
	pool, err := pg.Open(ctx, pg.Options{URL: url, Role: "specter_dashboard", AppName: "bench seed", MaxConns: 1})
	if err != nil {
		return err
	}
	defer pool.Close()
	s.account, s.product, s.context = uuid.New(), uuid.New(), uuid.New()
	return tenant.Tx(ctx, pool, s.account, func(tx pgx.Tx) error {
		round := &pgx.Batch{}
		round.Queue(`INSERT INTO accounts (id, owner_user_id, email) VALUES ($1, $2, $3)`, s.account, uuid.New(), s.account.String()+"@example.test")
		round.Queue(`INSERT INTO products (id, account_id, name) VALUES ($1, $2, 'Shop')`, s.product, s.account)
		round.Queue(`INSERT INTO contexts (id, account_id, product_id, name, positive_types, negative_types, is_default) VALUES ($1, $2, $3, 'Checkout', $4, $5, true)`,
			s.context, s.account, s.product, []string{good}, []string{bad})
		return tx.SendBatch(ctx, round).Close()
	})
}

// fill stores the signals hour by hour.
func (s *subject) fill(ctx context.Context, store *postgres.Signals) error {
	r := rand.New(rand.NewPCG(uint64(s.signals), 7))
	perHour := float64(s.signals) / history
	begin := time.Now().UTC().Truncate(time.Hour).Add(-history * time.Hour)
	breaks := begin.Add((history - 12) * time.Hour)
	var batch []signal.Signal
	var serial uint64
	flush := func(least int) error {
		for len(batch) >= least && len(batch) > 0 {
			n := min(len(batch), storeSize)
			var batches []signal.Batch
			for part := range slices.Chunk(batch[:n], 1000) {
				serial++
				batches = append(batches, signal.Batch{
					Position: signal.Position{Stream: s.account.String(), Sequence: serial, MessageID: uuid.New()}, Signals: part,
				})
			}
			if _, err := store.Store(ctx, batches); err != nil {
				return err
			}
			batch = batch[n:]
		}
		return nil
	}
	for h := range history {
		at := begin.Add(time.Duration(h) * time.Hour)
		for range poisson(r, perHour*traffic(at)/3) {
			batch = append(batch, s.session(r, at, !at.Before(breaks))...)
		}
		if err := flush(storeSize); err != nil {
			return err
		}
	}
	return flush(1)
}

// session is two pages and an outcome.
func (s *subject) session(r *rand.Rand, hour time.Time, broken bool) []signal.Signal {
	draw := make([]uint8, len(dimensions))
	payload := []byte{'{'}
	for d := range dimensions {
		draw[d] = pick(r, dimensions[d].shares)
		if d > 0 {
			payload = append(payload, ',')
		}
		payload = fmt.Appendf(payload, "%q:%q", dimensions[d].name, dimensions[d].values[draw[d]])
	}
	payload = append(payload, '}')
	share := 0.1
	if broken && dimensions[1].values[draw[1]] == "Safari" {
		share = 0.4
	}
	kind := good
	if r.Float64() < share {
		kind = bad
	}
	at := hour.Add(time.Duration(r.Int64N(int64(50 * time.Minute))))
	id := fmt.Sprintf("%016x", r.Uint64())
	out := make([]signal.Signal, 3)
	for i, kind := range []string{neutral, neutral, kind} {
		when := at.Add(time.Duration(i) * time.Minute)
		out[i] = signal.Signal{
			ID: uuid.New(), AccountID: s.account, ProductID: s.product, ContextID: s.context, Type: kind, Payload: payload,
			At: when, ReceivedAt: time.Now(), SessionID: id, Source: signal.Script,
		}
	}
	return out
}

// settle does what autovacuum does to tables that were just filled.
func settle(ctx context.Context, url string) error {
	owner, err := pg.Open(ctx, pg.Options{URL: url, AppName: "bench", MaxConns: 1})
	if err != nil {
		return err
	}
	defer owner.Close()
	if _, err := owner.Exec(ctx, `VACUUM ANALYZE`); err != nil {
		return fmt.Errorf("vacuuming: %w", err)
	}
	return nil
}
