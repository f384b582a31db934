package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	// mergeSpan is how far back written blocks are merged; what was written earlier
	// was merged before. Imported history counts by when it was written, too.
	mergeSpan = 26 * time.Hour
	// Blocks at least this full, of signals or of bytes, are left alone: two that are
	// less always fit in one.
	smallBlock = signal.FullBlock / 2
	smallBytes = signal.FullBlockBytes / 2
	// What one transaction rewrites and holds in memory, some three times over.
	mergeBlocks  = 500
	mergeSignals = 20 * signal.FullBlock
	mergeBytes   = 8 * signal.FullBlockBytes
	// mergeListed bounds what is known of a pile at once; what is beyond is merged an
	// hour later.
	mergeListed = 50_000
)

// small tells which of signal_blocks b are small and new. Blocks older than the column
// have to be read for it.
var small = fmt.Sprintf(`b.n < %d AND coalesce(b.payload_bytes, octet_length(b.payloads::text)) < %d`, smallBlock, smallBytes)

// Merge repacks an account's small blocks into full ones, and makes one row of each
// hour's sample of sessions. Signals, their order and
// every byte of them stay; only the rows they lie in change. Readers see the old rows
// or the new ones, never both, and writers only add rows, so neither waits. Blocks are
// rewritten only when they become fewer, so what is merged is left alone.
func (s *Signals) Merge(ctx context.Context, account uuid.UUID) error {
	piles, err := s.piles(ctx, account)
	if err != nil {
		return err
	}
	for _, p := range piles {
		if err := s.mergePile(ctx, account, p); err != nil {
			return fmt.Errorf("merging blocks: %w", err)
		}
	}
	return s.mergeSamples(ctx, account)
}

// pile is the small blocks of a context in a month: no block reaches into another.
type pile struct {
	product, context uuid.UUID
	month            time.Time
}

// piles lists those of more than one block.
func (s *Signals) piles(ctx context.Context, account uuid.UUID) ([]pile, error) {
	var list []pile
	err := tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		// By product, because the index of new blocks is.
		rows, err := tx.Query(ctx, `SELECT b.product_id, b.context_id, date_trunc('month', b.first_at, 'UTC') FROM products p
			JOIN signal_blocks b ON b.account_id = p.account_id AND b.product_id = p.id AND b.created_at >= $2 AND `+small+`
			WHERE p.account_id = $1 GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY 1, 2, 3`, account, s.now().Add(-mergeSpan))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (pile, error) {
			var p pile
			err := row.Scan(&p.product, &p.context, &p.month)
			return p, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for small blocks: %w", err)
	}
	return list, nil
}

// listed is what a merge knows of a block before it reads it.
type listed struct {
	firstAt  time.Time
	id       uuid.UUID
	n, bytes int
}

// mergePile merges a pile in rounds, a transaction each.
func (s *Signals) mergePile(ctx context.Context, account uuid.UUID, p pile) error {
	blocks, err := s.list(ctx, account, p)
	if err != nil {
		return err
	}
	for len(blocks) > 1 {
		n := fitting(blocks)
		last, err := s.mergeRound(ctx, account, blocks[:n])
		if err != nil {
			return err
		}
		if last != nil { // the next round fills it up
			n--
			blocks[n] = *last
		}
		blocks = blocks[n:]
	}
	return nil
}

// list reads which blocks a pile has, in the order of their time.
func (s *Signals) list(ctx context.Context, account uuid.UUID, p pile) ([]listed, error) {
	var blocks []listed
	err := tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT b.first_at, b.block_id, b.n, coalesce(b.payload_bytes, octet_length(b.payloads::text)) FROM signal_blocks b
			WHERE b.account_id = $1 AND b.product_id = $2 AND b.context_id = $3 AND b.first_at >= $4 AND b.first_at < $5 AND b.created_at >= $6 AND `+small+`
			ORDER BY b.first_at, b.block_id LIMIT $7`,
			account, p.product, p.context, p.month, monthOf(p.month).AddDate(0, 1, 0), s.now().Add(-mergeSpan), mergeListed)
		if err != nil {
			return err
		}
		blocks, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (listed, error) {
			var b listed
			err := row.Scan(&b.firstAt, &b.id, &b.n, &b.bytes)
			return b, err
		})
		return err
	})
	return blocks, err
}

// fitting is how many of the blocks, at least two, go into one transaction.
func fitting(blocks []listed) int {
	signals, bytes := 0, 0
	for i, b := range blocks {
		signals, bytes = signals+b.n, bytes+b.bytes
		if i >= 2 && (i == mergeBlocks || signals > mergeSignals || bytes > mergeBytes) {
			return i
		}
	}
	return len(blocks)
}

var errNothingGained = errors.New("the blocks are as few as can be")

// mergeRound merges some of a pile's blocks. It returns the last that came of it when
// that is small still.
func (s *Signals) mergeRound(ctx context.Context, account uuid.UUID, blocks []listed) (last *listed, err error) {
	firsts, ids := make([]time.Time, len(blocks)), make([]uuid.UUID, len(blocks))
	for i, b := range blocks {
		firsts[i], ids[i] = b.firstAt, b.id
	}
	err = tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		last = nil
		// DELETE … RETURNING of locked rows: two mergers cannot take the same block.
		rows, err := tx.Query(ctx, `WITH chosen AS MATERIALIZED (
				SELECT b.first_at, b.block_id FROM unnest($2::timestamptz[], $3::uuid[]) AS u (first_at, block_id)
				JOIN signal_blocks b ON b.account_id = $1 AND b.first_at = u.first_at AND b.block_id = u.block_id AND b.first_at BETWEEN $4 AND $5
				FOR UPDATE OF b SKIP LOCKED
			)
			DELETE FROM signal_blocks b USING chosen c
			WHERE b.account_id = $1 AND b.first_at = c.first_at AND b.block_id = c.block_id AND b.first_at BETWEEN $4 AND $5
			RETURNING `+blockColumns, account, firsts, uuids(ids), firsts[0], firsts[len(firsts)-1])
		if err != nil {
			return err
		}
		taken, err := pgx.CollectRows(rows, scanBlock)
		if err != nil {
			return err
		}
		merged, err := signal.Merge(taken, newID)
		if err != nil {
			return err
		}
		if len(merged) >= len(taken) {
			return errNothingGained // what was deleted is there again
		}
		if b := merged[len(merged)-1]; b.N < smallBlock && len(b.Payloads) < smallBytes {
			last = &listed{firstAt: b.FirstAt, id: b.ID, n: b.N, bytes: len(b.Payloads)}
		}
		round := &pgx.Batch{}
		queueBlocks(round, account, merged)
		return tx.SendBatch(ctx, round).Close()
	})
	if errors.Is(err, errNothingGained) {
		return nil, nil
	}
	return last, err
}
