package oracle

import (
	"context"
	"fmt"
	"sort"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/deploy/e2e/ledger"
)

// Stored is what the database holds at one moment.
type Stored struct {
	Rows    int                     // of the signals view
	Senders map[uuid.UUID]uuid.UUID // client id → account
	// Misfiled is the number of rows that repeat an id under another account or have none.
	Misfiled int
	// Counts are totals by account, by where they were read.
	Counts map[string]map[uuid.UUID]int64
}

// counts are the places that must agree. Every signal of the load has a path.
var counts = map[string]string{
	"signals":                 `SELECT account_id, count(*) FROM signals GROUP BY account_id`,
	"distinct ids":            `SELECT account_id, count(DISTINCT client_id) FROM signals GROUP BY account_id`,
	"signal_ids":              `SELECT account_id, count(*) FROM signal_ids GROUP BY account_id`,
	"ids of stored signals":   `SELECT s.account_id, count(*) FROM signals s JOIN signal_ids i ON i.account_id = s.account_id AND i.id = s.client_id GROUP BY s.account_id`,
	"signal_blocks":           `SELECT account_id, sum(n)::bigint FROM signal_blocks GROUP BY account_id`,
	"rollup_hourly":           `SELECT account_id, sum(n)::bigint FROM rollup_hourly GROUP BY account_id`,
	"rollup_dimension_hourly": `SELECT account_id, sum(n)::bigint FROM rollup_dimension_hourly WHERE dimension = 'path' GROUP BY account_id`,
	"product_activity":        `SELECT account_id, sum(signals_total)::bigint FROM product_activity GROUP BY account_id`,
}

// Read looks behind row-level security: databaseURL is the owner's.
func Read(ctx context.Context, databaseURL string) (Stored, error) {
	s := Stored{Senders: make(map[uuid.UUID]uuid.UUID), Counts: make(map[string]map[uuid.UUID]int64)}
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return s, fmt.Errorf("connecting to the database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing was written
	// One snapshot for all.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return s, fmt.Errorf("reading the database: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // nothing was written
	if err := s.readRows(ctx, tx); err != nil {
		return s, fmt.Errorf("reading the signals: %w", err)
	}
	for name, query := range counts {
		if s.Counts[name], err = readCounts(ctx, tx, query); err != nil {
			return s, fmt.Errorf("counting %s: %w", name, err)
		}
	}
	return s, nil
}

func (s *Stored) readRows(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT account_id, client_id FROM signals`)
	if err != nil {
		return err
	}
	var account uuid.UUID
	var id *uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&account, &id}, func() error {
		s.Rows++
		if id == nil {
			s.Misfiled++
			return nil
		}
		if before, ok := s.Senders[*id]; ok && before != account {
			s.Misfiled++
		}
		s.Senders[*id] = account
		return nil
	})
	return err
}

func readCounts(ctx context.Context, tx pgx.Tx, query string) (map[uuid.UUID]int64, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]int64)
	var account uuid.UUID
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&account, &n}, func() error {
		out[account] = n
		return nil
	})
	return out, err
}

// Verdict is the comparison. Lost, Doubled, Foreign and Disagreements must be nothing.
type Verdict struct {
	Sent, Acked, Stored int
	Lost                int // acknowledged and not stored
	Doubled             int // rows beyond one an id
	Foreign             int // stored and not sent by that account
	// Disagreements are sentences: which count differs from the rows, for whom.
	Disagreements []string
}

// Judge compares the ledger with the database.
func Judge(book *ledger.Ledger, s Stored) (Verdict, error) {
	acked, err := book.ReadAcked()
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Sent: book.Sent(), Acked: len(acked), Stored: len(s.Senders), Doubled: s.Rows - len(s.Senders), Foreign: s.Misfiled}
	for id, account := range acked {
		if s.Senders[id] != account {
			v.Lost++
		}
	}
	rows := make(map[uuid.UUID]int64)
	for id, account := range s.Senders {
		rows[account]++
		if sender, ok := book.Sender(id); !ok || sender != account {
			v.Foreign++
		}
	}
	for name, byAccount := range s.Counts {
		for account := range union(rows, byAccount) {
			if byAccount[account] != rows[account] {
				v.Disagreements = append(v.Disagreements, fmt.Sprintf("%s: %d, rows: %d, account %s", name, byAccount[account], rows[account], account))
			}
		}
	}
	sort.Strings(v.Disagreements)
	return v, nil
}

// Clean reports whether nothing is wrong.
func (v Verdict) Clean() bool {
	return v.Lost == 0 && v.Doubled == 0 && v.Foreign == 0 && len(v.Disagreements) == 0
}

func union(a, b map[uuid.UUID]int64) map[uuid.UUID]struct{} {
	all := make(map[uuid.UUID]struct{}, len(a)+len(b))
	for account := range a {
		all[account] = struct{}{}
	}
	for account := range b {
		all[account] = struct{}{}
	}
	return all
}
