package postgres

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// queueRows inserts blocks, rollup deltas and the products' activity, and notes which
// products had none before. stored are the values the rollups have already.
func (w *writing) queueRows(round *pgx.Batch, account uuid.UUID, r rows, stored map[signal.Group]map[string]bool, firsts *[]first) {
	now := w.now()
	for i := range r.blocks {
		r.blocks[i].StoredAt = now
	}
	queueBlocks(round, account, r.blocks)
	queueTypes(round, account, r.counts.Types)
	queueValues(round, account, signal.Bound(r.counts.Values, stored))
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

// queueStoredValues reads which values each touched group has already, at most
// MaxValues + 1 a group. The map is filled once the batch is done.
func queueStoredValues(round *pgx.Batch, account uuid.UUID, counts []signal.ValueCount) map[signal.Group]map[string]bool {
	type area struct {
		context uuid.UUID
		hour    time.Time
	}
	seen := make(map[area]bool)
	var contexts pgtype.FlatArray[pgtype.UUID]
	var hours []time.Time
	for _, c := range counts {
		if k := (area{c.ContextID, c.Hour}); !seen[k] {
			seen[k] = true
			contexts, hours = append(contexts, present(c.ContextID)), append(hours, c.Hour)
		}
	}
	out := make(map[signal.Group]map[string]bool)
	if len(contexts) == 0 {
		return out
	}
	round.Queue(`SELECT r.context_id, r.hour, r.dimension, r.type, r.value
		FROM unnest($2::uuid[], $3::timestamptz[]) AS u (context_id, hour)
		JOIN rollup_dimension_hourly r ON r.account_id = $1 AND r.context_id = u.context_id AND r.hour = u.hour AND r.hour BETWEEN $4 AND $5`,
		account, contexts, hours, slices.MinFunc(hours, time.Time.Compare), slices.MaxFunc(hours, time.Time.Compare)).
		Query(func(rows pgx.Rows) error {
			var g signal.Group
			var value string
			_, err := pgx.ForEachRow(rows, []any{&g.ContextID, &g.Hour, &g.Dimension, &g.Type, &value}, func() error {
				g.Hour = g.Hour.UTC()
				if out[g] == nil {
					out[g] = make(map[string]bool)
				}
				out[g][value] = true
				return nil
			})
			return err
		})
	return out
}
