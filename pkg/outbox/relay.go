package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/telemetry"
)

const (
	// pollEvery bounds the delay of a row whose notification was lost.
	pollEvery = time.Second
	// batchSize rows are read, sent and deleted together.
	batchSize = 256
	// ackTimeout bounds the wait for the broker's word on one batch.
	ackTimeout = 10 * time.Second

	standbyEvery = time.Second
	retryEvery   = time.Second
	closeTimeout = time.Second

	sweepEvery = time.Hour
	// inboxDays is longer than any stream keeps a message, dead letters included.
	inboxDays = 31
)

type relay struct {
	outbox  Outbox
	db      *pgxpool.Pool
	bus     *bus.Bus
	log     *zap.Logger
	relayed prometheus.Counter
	lag     prometheus.Gauge
}

// Relay returns the service that publishes the outbox. Any number of instances may run it; an
// advisory lock lets one work while the others stand by. It takes one connection out of db.
func (o Outbox) Relay(db *pgxpool.Pool, b *bus.Bus, log *zap.Logger) lifecycle.Service {
	labels := prometheus.Labels{"service": o.service}
	return &relay{
		outbox: o, db: db, bus: b, log: log.Named("outbox"),
		relayed: telemetry.MustRegister(b.Registerer(), prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_outbox_relayed_messages_total", Help: "Messages published from the outbox.",
		}, []string{"service"})).With(labels),
		lag: telemetry.MustRegister(b.Registerer(), prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "specter_outbox_lag_seconds", Help: "Age of the oldest row seen by the last read of the outbox, 0 when it was empty.",
		}, []string{"service"})).With(labels),
	}
}

// Run relays until ctx is done.
func (r *relay) Run(ctx context.Context, ready func()) error {
	ready()
	for ctx.Err() == nil {
		if err := r.session(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("relaying the outbox was interrupted", zap.Error(err))
			pause(ctx, retryEvery)
		}
	}
	return nil
}

// session works on one connection, which holds the lock and listens, until something fails.
func (r *relay) session(ctx context.Context) error {
	pooled, err := r.db.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("taking a connection: %w", err)
	}
	// Out of the pool: a session lock and LISTEN must not return to it, and the pool keeps its
	// whole size for the service's work.
	conn := pooled.Hijack()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // the server releases the lock when the connection is gone either way
	}()
	if err := r.lock(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+r.outbox.table()); err != nil {
		return fmt.Errorf("listening for outbox rows: %w", err)
	}
	var swept time.Time
	for {
		if time.Since(swept) > sweepEvery {
			if err := r.sweep(ctx, conn); err != nil {
				return err
			}
			swept = time.Now()
		}
		more, err := r.batch(ctx, conn)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		waiting, cancel := context.WithTimeout(ctx, pollEvery)
		_, err = conn.WaitForNotification(waiting)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("waiting for outbox rows: %w", err)
		}
	}
}

func (r *relay) lock(ctx context.Context, conn *pgx.Conn) error {
	for {
		var mine bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, r.outbox.channel()).Scan(&mine); err != nil {
			return fmt.Errorf("locking the outbox: %w", err)
		}
		if mine {
			return nil
		}
		if pause(ctx, standbyEvery); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

type row struct {
	Seq       int64
	Subject   string
	Headers   map[string]string
	Data      []byte
	CreatedAt time.Time
}

// batch publishes the oldest rows and deletes those the broker has acknowledged. more says that
// the outbox may hold further rows.
func (r *relay) batch(ctx context.Context, conn *pgx.Conn) (more bool, err error) {
	found, err := conn.Query(ctx, `SELECT seq, subject, headers, data, created_at FROM `+r.outbox.table()+` ORDER BY seq LIMIT $1`, batchSize)
	if err != nil {
		return false, fmt.Errorf("reading the outbox: %w", err)
	}
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
	if err != nil {
		return false, fmt.Errorf("reading the outbox: %w", err)
	}
	if len(rows) == 0 {
		r.lag.Set(0)
		return false, nil
	}
	r.lag.Set(max(0, time.Since(rows[0].CreatedAt).Seconds()))

	stored, failed := r.publish(ctx, rows)
	if len(stored) > 0 {
		if _, err := conn.Exec(ctx, `DELETE FROM `+r.outbox.table()+` WHERE seq = ANY($1)`, stored); err != nil {
			return false, errors.Join(failed, fmt.Errorf("deleting published outbox rows: %w", err))
		}
		r.relayed.Add(float64(len(stored)))
	}
	return len(rows) == batchSize, failed
}

// publish sends rows in order, many at once, but never a row before the one ahead of it with the
// same key is acknowledged; after a failure the rest of that key stays for the next batch.
func (r *relay) publish(ctx context.Context, rows []row) (stored []int64, failed error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	type flight struct {
		seq  int64
		wait func(context.Context) error
	}
	open := map[string]flight{}
	blocked := map[string]bool{}
	land := func(key string) {
		f, flying := open[key]
		if !flying {
			return
		}
		delete(open, key)
		if err := f.wait(ctx); err != nil {
			blocked[key] = true
			failed = errors.Join(failed, err)
			return
		}
		stored = append(stored, f.seq)
	}
	for _, row := range rows {
		key := row.orderKey()
		if land(key); blocked[key] {
			continue
		}
		wait, err := r.bus.PublishAsync(row.message())
		if err != nil {
			blocked[key] = true
			failed = errors.Join(failed, err)
			continue
		}
		open[key] = flight{seq: row.Seq, wait: wait}
	}
	for key := range open {
		land(key)
	}
	return stored, failed
}

// orderKey is what must stay in order: an account's events, a catalogue key's values.
func (r row) orderKey() string {
	if account := r.Headers[bus.HeaderAccount]; account != "" {
		return account
	}
	return r.Subject
}

func (r row) message() *nats.Msg {
	msg := nats.NewMsg(r.Subject)
	msg.Data = r.Data
	for key, value := range r.Headers {
		msg.Header.Set(key, value)
	}
	return msg
}

// sweep forgets claims of events that no stream can deliver any more.
func (r *relay) sweep(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `DELETE FROM `+r.outbox.inbox()+` WHERE claimed_at < now() - make_interval(days => $1)`, inboxDays); err != nil {
		return fmt.Errorf("sweeping the inbox: %w", err)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
