package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// queueRows inserts blocks, rollup deltas, samples and the products' activity, and notes which
// products had none before.
func (w *writing) queueRows(round *pgx.Batch, account uuid.UUID, r rows, firsts *[]first) {
	now := w.now()
	for i := range r.blocks {
		r.blocks[i].StoredAt = now
	}
	queueBlocks(round, account, r.blocks)
	queueTypes(round, account, r.counts.Types)
	queueValues(round, account, signal.Bound(r.counts.Values, w.kept.values))
	queueSamples(round, account, w.sample.Take(r.placed, r.counts.Sessions, w.reader), now)
	for _, a := range activities(r.placed) {
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
				*firsts = append(*firsts, first{productID: a.productID, contextID: a.context, kind: a.kind, at: a.at})
				return nil
			})
	}
}

func queueTypes(round *pgx.Batch, account uuid.UUID, counts []signal.TypeCount) {
	n := len(counts)
	products, contexts := make(pgtype.FlatArray[pgtype.UUID], n), make(pgtype.FlatArray[pgtype.UUID], n)
	kinds, hours, ns := make([]string, n), make([]time.Time, n), make([]int64, n)
	for i, c := range counts {
		products[i], contexts[i], kinds[i], hours[i], ns[i] = present(c.ProductID), present(c.ContextID), c.Type, c.Hour, c.N
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
	products, contexts := make(pgtype.FlatArray[pgtype.UUID], n), make(pgtype.FlatArray[pgtype.UUID], n)
	dimensions, kinds, values := make([]string, n), make([]string, n), make([]string, n)
	hours, ns := make([]time.Time, n), make([]int64, n)
	for i, c := range counts {
		products[i], contexts[i], dimensions[i], kinds[i] = present(c.ProductID), present(c.ContextID), c.Dimension, c.Type
		values[i], hours[i], ns[i] = c.Value, c.Hour, c.N
	}
	round.Queue(`INSERT INTO rollup_dimension_hourly AS r (account_id, product_id, context_id, dimension, type, value, hour, n)
		SELECT $1, u.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[]) AS u
		ON CONFLICT (account_id, context_id, hour, dimension, type, value) DO UPDATE SET n = r.n + excluded.n`,
		account, products, contexts, dimensions, kinds, values, hours, ns)
}

// maxKept bounds how many values a part's memory of the rollups holds.
const maxKept = 1 << 15

// kept is what the rollups are known to have, as it was read: batches mostly count in
// rows that are there, and need not ask again. One to each part, whose lane guards it.
type kept struct {
	values signal.Kept
	n      int
}

// trim forgets all when it is too much.
func (k *kept) trim() {
	if k.values == nil || k.n >= maxKept {
		k.values, k.n = make(signal.Kept), 0
	}
}

// queue reads the types and values that counts cannot be bounded without.
func (k *kept) queue(round *pgx.Batch, account uuid.UUID, counts signal.Counts) {
	var areas, groups []signal.Group
	for _, g := range counts.Unsettled(k.values) {
		if g.Dimension == "" {
			areas = append(areas, g)
		} else {
			groups = append(groups, g)
		}
	}
	// LIMIT keeps the planner on the key's index; hours of a version that did not bound
	// types may have any number of them.
	if len(areas) > 0 {
		k.queueGroups(round, account, areas, `SELECT u.n, k.type FROM unnest($2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS u (context_id, hour, n)
			CROSS JOIN LATERAL (SELECT r.type FROM rollup_hourly r
				WHERE r.account_id = $1 AND r.context_id = u.context_id AND r.hour = u.hour AND r.hour BETWEEN $4 AND $5 LIMIT 1000) AS k`)
	}
	if len(groups) > 0 {
		dimensions, kinds := make([]string, len(groups)), make([]string, len(groups))
		for i, g := range groups {
			dimensions[i], kinds[i] = g.Dimension, g.Type
		}
		k.queueGroups(round, account, groups, `SELECT u.n, k.value FROM unnest($2::uuid[], $3::timestamptz[], $6::text[], $7::text[]) WITH ORDINALITY AS u (context_id, hour, dimension, type, n)
			CROSS JOIN LATERAL (SELECT r.value FROM rollup_dimension_hourly r
				WHERE r.account_id = $1 AND r.context_id = u.context_id AND r.hour = u.hour AND r.dimension = u.dimension AND r.type = u.type AND r.hour BETWEEN $4 AND $5 LIMIT 1000) AS k`,
			dimensions, kinds)
	}
}

// queueGroups notes the values of groups that a query returns with their numbers, once
// the batch is done.
func (k *kept) queueGroups(round *pgx.Batch, account uuid.UUID, groups []signal.Group, sql string, more ...any) {
	contexts, hours := make(pgtype.FlatArray[pgtype.UUID], len(groups)), make([]time.Time, len(groups))
	for i, g := range groups {
		contexts[i], hours[i] = present(g.ContextID), g.Hour
	}
	arguments := append([]any{account, contexts, hours, slices.MinFunc(hours, time.Time.Compare), slices.MaxFunc(hours, time.Time.Compare)}, more...)
	round.Queue(sql, arguments...).Query(func(rows pgx.Rows) error {
		var n int
		var value string
		_, err := pgx.ForEachRow(rows, []any{&n, &value}, func() error {
			g := groups[n-1]
			if k.values[g] == nil {
				g.Type = strings.Clone(g.Type) // it is part of a whole message's text
				k.values[g] = make(map[string]bool)
			}
			if !k.values[g][value] {
				k.values[g][value] = true
				k.n++
			}
			return nil
		})
		return err
	})
}

// boundTypes keeps the types of an hour to a bounded number, and reads what those that
// have no place now count in.
func (w *writing) boundTypes(ctx context.Context, account uuid.UUID, counts signal.Counts, contexts []signal.Context) (signal.Counts, error) {
	counts, moved := counts.BoundTypes(w.kept.values, func(id uuid.UUID, kind string) bool {
		i := slices.IndexFunc(contexts, func(c signal.Context) bool { return c.ID == id })
		return i >= 0 && contexts[i].Polarity(kind) != signal.Neutral
	})
	if !moved {
		return counts, nil
	}
	round := &pgx.Batch{}
	w.kept.queue(round, account, counts)
	return counts, w.send(ctx, round, "reading what is there")
}
