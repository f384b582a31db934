package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// keptMonths is how old a signal may be to find a partition (1-product: at most
// 24 months); older ones are refused before the queue and dropped here.
const keptMonths = 24

// Schedule is told, inside the transaction, which contexts got signals that are
// not imported history: what it inserts is committed with them.
type Schedule func(ctx context.Context, tx pgx.Tx, areas []signal.Area) error

// first is a product's first signal.
type first struct {
	productID uuid.UUID
	contextID uuid.UUID
	kind      string
	at        time.Time
}

// Signals stores batches.
type Signals struct {
	db       *pgxpool.Pool
	outbox   outbox.Outbox
	now      func() time.Time
	schedule Schedule

	mu         sync.Mutex
	partitions map[string]bool // days and months known to exist
}

// NewSignals returns a store; db is borrowed.
func NewSignals(db *pgxpool.Pool, box outbox.Outbox, now func() time.Time, schedule Schedule) *Signals {
	return &Signals{db: db, outbox: box, now: now, schedule: schedule, partitions: make(map[string]bool)}
}

// Store commits ids, blocks, rollup deltas and the position of one message
// together, each signal counted once however often it comes.
func (s *Signals) Store(ctx context.Context, at signal.Position, batch []signal.Signal) (signal.Stored, error) {
	var result signal.Stored
	kept := make([]signal.Signal, 0, len(batch))
	oldest := s.now().AddDate(0, -keptMonths, 0)
	for _, one := range batch {
		if one.At.Before(oldest) {
			result.TooOld++
			continue
		}
		kept = append(kept, one)
	}
	if err := s.ensurePartitions(ctx, kept); err != nil {
		return signal.Stored{}, err
	}
	tooOld := result.TooOld
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		result = signal.Stored{TooOld: tooOld} // the transaction may run again
		return s.store(ctx, tx, at, kept, len(batch), &result)
	})
	if err != nil {
		s.forgetPartitions(err)
		return signal.Stored{}, fmt.Errorf("storing signals: %w", err)
	}
	return result, nil
}

func (s *Signals) store(ctx context.Context, tx pgx.Tx, at signal.Position, batch []signal.Signal, received int, result *signal.Stored) error {
	var known uuid.UUID
	err := tx.QueryRow(ctx, `SELECT message_id FROM stream_positions WHERE stream = $1 AND sequence = $2`, at.Stream, int64(at.Sequence)).Scan(&known)
	switch {
	case err == nil && known == at.MessageID:
		result.Repeated, result.TooOld = true, 0
		return nil
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("reading the position: %w", err)
	}
	var live []signal.Area
	for _, part := range byAccount(batch) {
		areas, err := s.storeAccount(ctx, tx, part, result)
		if err != nil {
			return err
		}
		live = append(live, areas...)
	}
	if len(live) > 0 {
		if err := s.schedule(ctx, tx, live); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO stream_positions (stream, sequence, message_id, signals, stored, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (stream, sequence) DO UPDATE SET message_id = excluded.message_id, signals = excluded.signals, stored = excluded.stored, at = excluded.at`,
		at.Stream, int64(at.Sequence), at.MessageID, received, result.New, s.now())
	if err != nil {
		return fmt.Errorf("writing the position: %w", err)
	}
	return nil
}

// byAccount splits a batch, in the order of account ids: two transactions that
// share accounts lock them in the same order.
func byAccount(batch []signal.Signal) [][]signal.Signal {
	parts := make(map[uuid.UUID][]signal.Signal)
	for _, one := range batch {
		parts[one.AccountID] = append(parts[one.AccountID], one)
	}
	out := make([][]signal.Signal, 0, len(parts))
	for _, part := range parts {
		out = append(out, part)
	}
	slices.SortFunc(out, func(a, b []signal.Signal) int { return bytes.Compare(a[0].AccountID[:], b[0].AccountID[:]) })
	return out
}

// storeAccount stores one account's part and returns its contexts with live signals.
func (s *Signals) storeAccount(ctx context.Context, tx pgx.Tx, batch []signal.Signal, result *signal.Stored) ([]signal.Area, error) {
	account := batch[0].AccountID
	contexts, err := enter(ctx, tx, account, batch)
	if err != nil {
		return nil, err
	}
	placed := make(map[uuid.UUID]*signal.Context, len(batch))
	homed := batch[:0:0]
	for _, one := range batch {
		home, ok := contexts.Place(&one)
		if !ok {
			result.Homeless++
			continue
		}
		if placed[one.Key()] == nil { // of a repeated key the first counts
			placed[one.Key()] = home
		}
		homed = append(homed, one)
	}
	unique := signal.Unique(homed)
	fresh, err := s.claim(ctx, tx, account, unique)
	if err != nil {
		return nil, err
	}
	result.Known += len(homed) - len(fresh)
	result.New += len(fresh)
	if len(fresh) == 0 {
		return nil, nil
	}
	list := make([]signal.Placed, len(fresh))
	for i := range fresh {
		list[i] = signal.Placed{Signal: &fresh[i], Context: placed[fresh[i].Key()]}
	}
	firsts, err := s.write(ctx, tx, account, list)
	if err != nil {
		return nil, err
	}
	for _, f := range firsts {
		if err := s.announce(ctx, tx, account, f); err != nil {
			return nil, err
		}
	}
	return liveAreas(account, list), nil
}

func (s *Signals) announce(ctx context.Context, tx pgx.Tx, account uuid.UUID, f first) error {
	return outbox.Put(ctx, tx, s.outbox, event.SignalFirstReceived, bus.Message[*eventv1.SignalFirstReceived]{
		ID: newID(), AccountID: account, Time: s.now(),
		Body: &eventv1.SignalFirstReceived{
			ProductId: f.productID.String(), ContextId: f.contextID.String(), Type: f.kind, OccurredAt: timestamppb.New(f.at),
		},
	})
}

// enter switches to the account, takes its lock and reads its contexts, in one
// round trip.
func enter(ctx context.Context, tx pgx.Tx, account uuid.UUID, batch []signal.Signal) (signal.Contexts, error) {
	if account == uuid.Nil {
		return signal.Contexts{}, tenant.ErrNoAccount
	}
	var products []uuid.UUID
	for _, one := range batch {
		if !slices.Contains(products, one.ProductID) {
			products = append(products, one.ProductID)
		}
	}
	if err := tenant.Enter(ctx, tx, account); err != nil {
		return signal.Contexts{}, err
	}
	var list []signal.Context
	round := &pgx.Batch{}
	round.Queue(lockSignals, account)
	round.Queue(`SELECT id, product_id, is_default, payload_keys FROM contexts WHERE account_id = $1 AND product_id = ANY($2)`, account, products).
		Query(func(rows pgx.Rows) error {
			var err error
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (signal.Context, error) {
				var c signal.Context
				err := row.Scan(&c.ID, &c.ProductID, &c.Default, &c.PayloadKeys)
				return c, err
			})
			return err
		})
	if err := tx.SendBatch(ctx, round).Close(); err != nil {
		return signal.Contexts{}, fmt.Errorf("reading the contexts: %w", err)
	}
	return signal.NewContexts(list), nil
}

// lockSignals serialises the writers of one account's signals.
const lockSignals = `SELECT pg_advisory_xact_lock(hashtextextended('specter.signals.' || $1::uuid::text, 0))`

// claim inserts the ids and returns the signals whose id is new.
func (s *Signals) claim(ctx context.Context, tx pgx.Tx, account uuid.UUID, batch []signal.Signal) ([]signal.Signal, error) {
	byDay := make(map[time.Time][]uuid.UUID)
	var imported []uuid.UUID
	var importedAt []time.Time
	for _, one := range batch {
		if one.Imported {
			imported = append(imported, one.Key())
			importedAt = append(importedAt, one.At)
			continue
		}
		day := s.idDay(one.ReceivedAt)
		byDay[day] = append(byDay[day], one.Key())
	}
	fresh := make(map[uuid.UUID]bool, len(batch))
	note := func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		for _, id := range ids {
			fresh[id] = true
		}
		return err
	}
	round := &pgx.Batch{}
	if len(imported) > 0 {
		round.Queue(`INSERT INTO imported_ids (account_id, id, occurred_at) SELECT $1, u.id, u.at FROM unnest($2::uuid[], $3::timestamptz[]) AS u (id, at)
			ON CONFLICT DO NOTHING RETURNING id`, account, imported, importedAt).Query(note)
	}
	for day, ids := range byDay {
		// An id is unique for 24 h also across midnight: its own day refuses it by the
		// key, the neighbouring days are looked up. The list form keeps the planner on
		// the key's index (an anti join scanned the whole day).
		round.Queue(`WITH known AS MATERIALIZED (
				SELECT s.id FROM signal_ids s WHERE s.account_id = $1 AND s.id = ANY($2::uuid[]) AND s.day IN ($4, $5))
			INSERT INTO signal_ids (account_id, id, day) SELECT $1, u.id, $3 FROM unnest($2::uuid[]) AS u (id)
			WHERE u.id NOT IN (SELECT known.id FROM known)
			ON CONFLICT DO NOTHING RETURNING id`, account, ids, day, day.AddDate(0, 0, -1), day.AddDate(0, 0, 1)).Query(note)
	}
	if err := tx.SendBatch(ctx, round).Close(); err != nil {
		return nil, fmt.Errorf("inserting ids: %w", err)
	}
	out := make([]signal.Signal, 0, len(fresh))
	for _, one := range batch {
		if fresh[one.Key()] {
			out = append(out, one)
		}
	}
	return out, nil
}

// idDay is the partition of an id: the day of receipt, but one that exists. What
// waited in the queue for days is filed under yesterday.
func (s *Signals) idDay(received time.Time) time.Time {
	today := s.now().UTC().Truncate(24 * time.Hour)
	day := received.UTC().Truncate(24 * time.Hour)
	switch {
	case day.Before(today.AddDate(0, 0, -1)):
		return today.AddDate(0, 0, -1)
	case day.After(today.AddDate(0, 0, 1)):
		return today.AddDate(0, 0, 1)
	default:
		return day
	}
}

// write inserts blocks, rollup deltas and the products' activity.
func (s *Signals) write(ctx context.Context, tx pgx.Tx, account uuid.UUID, list []signal.Placed) ([]first, error) {
	values := signal.CountValues(list)
	stored, err := storedValues(ctx, tx, account, values)
	if err != nil {
		return nil, err
	}
	blocks, err := signal.Blocks(list, newID)
	if err != nil {
		return nil, err
	}
	round := &pgx.Batch{}
	queueBlocks(round, account, blocks, s.now())
	queueTypes(round, account, signal.CountTypes(list))
	queueValues(round, account, signal.Bound(values, stored))
	var firsts []first
	for _, a := range activities(list) {
		round.Queue(`INSERT INTO product_activity (account_id, product_id, first_signal_at, last_signal_at, signals_total) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (account_id, product_id) DO UPDATE SET
				first_signal_at = least(product_activity.first_signal_at, excluded.first_signal_at),
				last_signal_at = greatest(product_activity.last_signal_at, excluded.last_signal_at),
				signals_total = product_activity.signals_total + excluded.signals_total
			RETURNING xmax = 0`, account, a.productID, a.firstAt, a.lastAt, a.n).
			QueryRow(func(row pgx.Row) error {
				var inserted bool
				if err := row.Scan(&inserted); err != nil || !inserted {
					return err
				}
				firsts = append(firsts, first{productID: a.productID, contextID: a.context, kind: a.kind, at: a.at})
				return nil
			})
	}
	if err := tx.SendBatch(ctx, round).Close(); err != nil {
		return nil, fmt.Errorf("writing blocks and rollups: %w", err)
	}
	return firsts, nil
}

// newID is a UUIDv7, so that blocks of one time lie together.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func queueBlocks(round *pgx.Batch, account uuid.UUID, blocks []signal.Block, now time.Time) {
	for _, b := range blocks {
		round.Queue(`INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types, signals, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			account, b.ProductID, b.ContextID, b.ID, b.FirstAt, b.LastAt, b.N, b.Types, b.Document, now)
	}
}

func queueTypes(round *pgx.Batch, account uuid.UUID, counts []signal.TypeCount) {
	n := len(counts)
	products, contexts := make([]uuid.UUID, n), make([]uuid.UUID, n)
	kinds, hours, ns := make([]string, n), make([]time.Time, n), make([]int64, n)
	for i, c := range counts {
		products[i], contexts[i], kinds[i], hours[i], ns[i] = c.ProductID, c.ContextID, c.Type, c.Hour, c.N
	}
	round.Queue(`INSERT INTO rollup_hourly AS r (account_id, product_id, context_id, type, hour, n)
		SELECT $1, u.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bigint[]) AS u
		ON CONFLICT (account_id, context_id, type, hour) DO UPDATE SET n = r.n + excluded.n`,
		account, products, contexts, kinds, hours, ns)
}

func queueValues(round *pgx.Batch, account uuid.UUID, counts []signal.ValueCount) {
	n := len(counts)
	if n == 0 {
		return
	}
	products, contexts := make([]uuid.UUID, n), make([]uuid.UUID, n)
	dimensions, kinds, values := make([]string, n), make([]string, n), make([]string, n)
	hours, ns := make([]time.Time, n), make([]int64, n)
	for i, c := range counts {
		products[i], contexts[i], dimensions[i], kinds[i] = c.ProductID, c.ContextID, c.Dimension, c.Type
		values[i], hours[i], ns[i] = c.Value, c.Hour, c.N
	}
	round.Queue(`INSERT INTO rollup_dimension_hourly AS r (account_id, product_id, context_id, dimension, type, value, hour, n)
		SELECT $1, u.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[]) AS u
		ON CONFLICT (account_id, context_id, hour, dimension, type, value) DO UPDATE SET n = r.n + excluded.n`,
		account, products, contexts, dimensions, kinds, values, hours, ns)
}

// storedValues reads which values each touched group has already; at most
// MaxValues + 1 a group.
func storedValues(ctx context.Context, tx pgx.Tx, account uuid.UUID, counts []signal.ValueCount) (map[signal.Group]map[string]bool, error) {
	type area struct {
		context uuid.UUID
		hour    time.Time
	}
	seen := make(map[area]bool)
	var contexts []uuid.UUID
	var hours []time.Time
	for _, c := range counts {
		if k := (area{c.ContextID, c.Hour}); !seen[k] {
			seen[k] = true
			contexts, hours = append(contexts, c.ContextID), append(hours, c.Hour)
		}
	}
	if len(contexts) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `SELECT r.context_id, r.hour, r.dimension, r.type, r.value
		FROM unnest($2::uuid[], $3::timestamptz[]) AS u (context_id, hour)
		JOIN rollup_dimension_hourly r ON r.account_id = $1 AND r.context_id = u.context_id AND r.hour = u.hour AND r.hour BETWEEN $4 AND $5`,
		account, contexts, hours, slices.MinFunc(hours, time.Time.Compare), slices.MaxFunc(hours, time.Time.Compare))
	if err != nil {
		return nil, fmt.Errorf("reading the stored values: %w", err)
	}
	out := make(map[signal.Group]map[string]bool)
	var g signal.Group
	var value string
	_, err = pgx.ForEachRow(rows, []any{&g.ContextID, &g.Hour, &g.Dimension, &g.Type, &value}, func() error {
		g.Hour = g.Hour.UTC()
		if out[g] == nil {
			out[g] = make(map[string]bool)
		}
		out[g][value] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the stored values: %w", err)
	}
	return out, nil
}

type activity struct {
	productID       uuid.UUID
	firstAt, lastAt time.Time // of receipt
	n               int64
	context         uuid.UUID // of the earliest
	kind            string
	at              time.Time
}

func activities(list []signal.Placed) []activity {
	byProduct := make(map[uuid.UUID]*activity)
	for _, one := range list {
		a := byProduct[one.ProductID]
		if a == nil {
			a = &activity{productID: one.ProductID, firstAt: one.ReceivedAt, lastAt: one.ReceivedAt, context: one.Context.ID, kind: one.Type, at: one.At}
			byProduct[one.ProductID] = a
		}
		a.n++
		if one.ReceivedAt.Before(a.firstAt) {
			a.firstAt, a.context, a.kind, a.at = one.ReceivedAt, one.Context.ID, one.Type, one.At
		}
		if one.ReceivedAt.After(a.lastAt) {
			a.lastAt = one.ReceivedAt
		}
	}
	out := make([]activity, 0, len(byProduct))
	for _, a := range byProduct {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b activity) int { return cmp.Compare(a.productID.String(), b.productID.String()) })
	return out
}

func liveAreas(account uuid.UUID, list []signal.Placed) []signal.Area {
	var out []signal.Area
	for _, one := range list {
		if a := (signal.Area{AccountID: account, ContextID: one.Context.ID}); !one.Imported && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// ensurePartitions makes what the batch needs, once a process; usually nothing is
// missing, since they are made ahead of need.
func (s *Signals) ensurePartitions(ctx context.Context, batch []signal.Signal) error {
	now := s.now().UTC()
	needed := map[string]bool{"day " + now.Format(time.DateOnly): true}
	low, high := now, now
	for _, one := range batch {
		needed["month "+one.At.UTC().Format("2006-01")] = true
		if one.At.Before(low) {
			low = one.At
		}
		if one.At.After(high) {
			high = one.At
		}
	}
	s.mu.Lock()
	missing := false
	for key := range needed {
		missing = missing || !s.partitions[key]
	}
	s.mu.Unlock()
	if !missing {
		return nil
	}
	if err := s.Partitions(ctx, low, high); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range needed {
		s.partitions[key] = true
	}
	return nil
}

// Partitions makes the missing partitions for signals from low to high, and those
// of ids a week ahead.
func (s *Signals) Partitions(ctx context.Context, low, high time.Time) error {
	if _, err := s.db.Exec(ctx, `SELECT specter_ensure_partitions($1, $2)`, low, high); err != nil {
		return fmt.Errorf("making partitions: %w", err)
	}
	return nil
}

// forgetPartitions drops the memory of them when a row found none: they were
// dropped by age, or the clock moved.
func (s *Signals) forgetPartitions(err error) {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "23514" {
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.partitions)
	}
}

// TrimPositions forgets positions of messages the stream itself no longer keeps.
func (s *Signals) TrimPositions(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM stream_positions WHERE at < $1`, s.now().AddDate(0, 0, -8)); err != nil {
		return fmt.Errorf("trimming positions: %w", err)
	}
	return nil
}
