package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// A deletion knows whom it is about until the end, when it goes by itself.
const kept = "deletions"

// tablesSQL finds what holds accounts' rows, partitions by their parent, and what each refers to.
const tablesSQL = `
SELECT c.relname::text,
       coalesce(array_agg(DISTINCT p.relname::text) FILTER (WHERE p.oid IS NOT NULL AND p.oid <> c.oid), '{}')
FROM pg_class c
LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f'
LEFT JOIN pg_class p ON p.oid = f.confrelid
WHERE c.relnamespace = 'public'::regnamespace
  AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND c.relname <> $1
  AND (c.relname = 'accounts' OR EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'account_id' AND NOT a.attisdropped))
GROUP BY c.relname
ORDER BY c.relname`

type table struct {
	Name     string
	RefersTo []string
}

// Tables implements deletion.Store.
func (s *Deletions) Tables(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, tablesSQL, kept)
	if err != nil {
		return nil, fmt.Errorf("listing the tables of accounts: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return nil, fmt.Errorf("listing the tables of accounts: %w", err)
	}
	return referrersFirst(tables)
}

// referrersFirst orders tables so that no row is deleted while another table still refers to it.
func referrersFirst(tables []table) ([]string, error) {
	var order []string
	for len(order) < len(tables) {
		placed := len(order)
		for _, t := range tables {
			if slices.Contains(order, t.Name) {
				continue
			}
			referred := slices.ContainsFunc(tables, func(other table) bool {
				return other.Name != t.Name && slices.Contains(other.RefersTo, t.Name) && !slices.Contains(order, other.Name)
			})
			if !referred {
				order = append(order, t.Name)
			}
		}
		if len(order) == placed {
			return nil, fmt.Errorf("ordering the tables of accounts: %d of them refer to each other in a circle", len(tables)-placed)
		}
	}
	return order, nil
}
