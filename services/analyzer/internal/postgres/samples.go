package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres/db"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// queueSampleReads reads which sessions the hours of a batch's sessions are sampled with,
// unless it is known.
func queueSampleReads(round *pgx.Batch, account uuid.UUID, memory *session.Memory, batch signal.Sessions) {
	places := memory.Unknown(batch)
	if len(places) == 0 {
		return
	}
	contexts, hours := make(pgtype.FlatArray[pgtype.UUID], len(places)), make([]time.Time, len(places))
	for i, p := range places {
		contexts[i], hours[i] = present(p.Context), time.Unix(p.Hour, 0).UTC()
	}
	// LIMIT keeps the planner on the key's index; who knows too few sessions adds too many, no more.
	round.Queue(`SELECT u.n, k.level, k.sessions FROM unnest($2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS u (context_id, hour, n)
		CROSS JOIN LATERAL (SELECT s.level, s.sessions FROM session_samples s
			WHERE s.account_id = $1 AND s.context_id = u.context_id AND s.hour = u.hour AND s.hour BETWEEN $4 AND $5 LIMIT 5000) AS k`,
		account, contexts, hours, slices.MinFunc(hours, time.Time.Compare), slices.MaxFunc(hours, time.Time.Compare)).
		Query(func(rows pgx.Rows) error {
			var n, level int
			var sessions []int64
			_, err := pgx.ForEachRow(rows, []any{&n, &level, &sessions}, func() error {
				memory.Learn(places[n-1], level, unsigned(sessions))
				return nil
			})
			return err
		})
}

// queueSamples adds rows to the samples of their hours.
func queueSamples(round *pgx.Batch, account uuid.UUID, rows []session.Row, storedAt time.Time) {
	for _, r := range rows {
		round.Queue(`INSERT INTO session_samples (account_id, product_id, context_id, hour, sample_id, level, sessions, signals, stored_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			account, r.ProductID, r.ContextID, r.Hour, newID(), r.Level, signed(r.Sessions), r.Signals, storedAt)
	}
}

// signed are hashes as Postgres has room for them.
func signed(hashes []uint64) pgtype.FlatArray[int64] {
	out := make(pgtype.FlatArray[int64], len(hashes))
	for i, h := range hashes {
		out[i] = int64(h)
	}
	return out
}

func unsigned(hashes []int64) []uint64 {
	out := make([]uint64, len(hashes))
	for i, h := range hashes {
		out[i] = uint64(h)
	}
	return out
}

// mergeSamples makes one row of an hour's sample of those that batches added. What lies
// above the hour's bound goes.
func (s *Signals) mergeSamples(ctx context.Context, account uuid.UUID) error {
	type place struct {
		context uuid.UUID
		hour    time.Time
	}
	var places []place
	err := tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		// The key alone tells.
		rows, err := tx.Query(ctx, `SELECT context_id, hour FROM session_samples WHERE account_id = $1 GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 2, 1 LIMIT $2`, account, mergeListed)
		if err != nil {
			return err
		}
		places, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (place, error) {
			var p place
			err := row.Scan(&p.context, &p.hour)
			return p, err
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("looking for samples in parts: %w", err)
	}
	for _, p := range places {
		err := tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error { return mergeSample(ctx, tx, account, p.context, p.hour) })
		if err != nil {
			return fmt.Errorf("merging the sample of %s: %w", p.hour.UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

// mergeSample takes the rows that are there; what another took meanwhile is in one row
// already, and what a batch adds meanwhile stays beside it.
func mergeSample(ctx context.Context, tx pgx.Tx, account, home uuid.UUID, hour time.Time) error {
	rows, err := tx.Query(ctx, `DELETE FROM session_samples WHERE account_id = $1 AND context_id = $2 AND hour = $3 RETURNING product_id, level, sessions, signals, stored_at`, account, home, hour)
	if err != nil {
		return err
	}
	var product uuid.UUID
	var storedAt time.Time
	var parts []session.Part
	err = eachSample(rows, []any{&product}, func(level int, sessions []uint64, signals []byte, at time.Time) error {
		decoded, err := session.Decode(sessions, signals, 0, nil)
		if err != nil {
			return err
		}
		parts = append(parts, session.Part{Level: level, Sessions: decoded})
		if at.After(storedAt) {
			storedAt = at
		}
		return nil
	})
	if err != nil || len(parts) == 0 {
		return err
	}
	whole := session.Combine(hour, parts)
	row := session.Row{ProductID: product, ContextID: home, Hour: hour, Level: whole.Level}
	row.Sessions, row.Signals = session.Encode(whole.Sessions)
	round := &pgx.Batch{}
	queueSamples(round, account, []session.Row{row}, storedAt)
	return tx.SendBatch(ctx, round).Close()
}

// eachSample reads rows of some columns and of level, sessions, signals and stored_at.
func eachSample(rows pgx.Rows, columns []any, each func(level int, sessions []uint64, signals []byte, storedAt time.Time) error) error {
	var level int
	var sessions []int64
	var signals []byte
	var storedAt time.Time
	_, err := pgx.ForEachRow(rows, append(columns, &level, &sessions, &signals, &storedAt), func() error {
		return each(level, unsigned(sessions), signals, storedAt)
	})
	return err
}

// Sessions is the sample of the hours from ≤ hour < to, of some types of signals; nil are all.
func (w *work) Sessions(ctx context.Context, from, to time.Time, types []string) (session.Sample, error) {
	rows, err := w.tx.Query(ctx, `SELECT hour, level, sessions, signals, stored_at FROM session_samples
		WHERE account_id = $1 AND context_id = $2 AND hour >= $3 AND hour < $4 ORDER BY hour`, w.account, w.home.ID, from, to)
	if err != nil {
		return session.Sample{}, fmt.Errorf("reading the sample of sessions: %w", err)
	}
	gathering := session.Gather(from, to)
	var hour, current time.Time
	var parts []session.Part
	finish := func() {
		if len(parts) > 0 {
			gathering.Add(session.Combine(current.UTC(), parts))
			parts = nil
		}
	}
	err = eachSample(rows, []any{&hour}, func(level int, sessions []uint64, signals []byte, _ time.Time) error {
		if !hour.Equal(current) {
			finish()
			current = hour
		}
		decoded, err := session.Decode(sessions, signals, gathering.Floor(), types)
		if err != nil {
			return err
		}
		parts = append(parts, session.Part{Level: level, Sessions: decoded})
		return nil
	})
	if err != nil {
		return session.Sample{}, fmt.Errorf("reading the sample of sessions: %w", err)
	}
	finish()
	return gathering.Sample(), nil
}

// settled is how long a transaction may take to be seen after the time it notes.
const settled = 5 * time.Minute

// FunnelHours are those counted from ≤ hour < to that no signal came to since.
func (w *work) FunnelHours(ctx context.Context, steps []string, from, to time.Time) ([]session.FunnelHour, error) {
	digest := session.FunnelDigest(steps)
	rows, err := w.q.FunnelHours(ctx, db.FunnelHoursParams{
		AccountID: w.account, ContextID: w.home.ID, Funnel: digest[:], FromAt: from, ToAt: to, NextAt: to.Add(session.FunnelWindow), SettledSeconds: settled.Seconds(),
	})
	if err != nil {
		return nil, fmt.Errorf("reading the funnel: %w", err)
	}
	out := make([]session.FunnelHour, 0, len(rows))
	for _, r := range rows {
		h := session.FunnelHour{Hour: r.Hour.UTC(), Level: int(r.Level), Reached: make([]int, len(r.Reached))}
		for i, n := range r.Reached {
			h.Reached[i] = int(n)
		}
		out = append(out, h)
	}
	return out, nil
}

// SaveFunnelHours keeps what was counted in place of what was there. Months in which nobody
// sent a signal have no partition: they are counted again, and hold nothing.
func (w *work) SaveFunnelHours(ctx context.Context, steps []string, hours []session.FunnelHour) error {
	digest := session.FunnelDigest(steps)
	round := &pgx.Batch{}
	for _, h := range hours {
		round.Queue(`INSERT INTO rollup_funnel_hourly (account_id, context_id, funnel, hour, level, reached, computed_at)
			SELECT $1::uuid, $2::uuid, $3::bytea, $4::timestamptz, $5::smallint, $6::int[], $7::timestamptz
			WHERE to_regclass('public.rollup_funnel_hourly_' || to_char($4::timestamptz AT TIME ZONE 'UTC', 'YYYYMM')) IS NOT NULL
			ON CONFLICT (account_id, context_id, funnel, hour) DO UPDATE SET level = excluded.level, reached = excluded.reached, computed_at = excluded.computed_at`,
			w.account, w.home.ID, digest[:], h.Hour, h.Level, h.Reached, w.now())
	}
	if round.Len() == 0 {
		return nil
	}
	if err := w.tx.SendBatch(ctx, round).Close(); err != nil {
		return fmt.Errorf("keeping the funnel: %w", err)
	}
	return nil
}
