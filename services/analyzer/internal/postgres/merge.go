package postgres

import (
	"context"
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
	// smallBlock: blocks at least this full are left alone.
	smallBlock = signal.FullBlock / 2
	// mergeBlocks and mergeSignals bound what one transaction rewrites and holds in
	// memory.
	mergeBlocks  = 500
	mergeSignals = 20 * signal.FullBlock
)

// Merge repacks an account's small blocks into full ones. Signals, their order and
// every byte of them stay; only the rows they lie in change. Readers see the old rows
// or the new ones, never both, and writers only add rows, so neither waits.
func (s *Signals) Merge(ctx context.Context, account uuid.UUID) error {
	areas, err := s.fragmented(ctx, account)
	if err != nil {
		return err
	}
	for _, contextID := range areas {
		var after time.Time
		for more := true; more; {
			if after, more, err = s.mergeContext(ctx, account, contextID, after); err != nil {
				return fmt.Errorf("merging blocks: %w", err)
			}
		}
	}
	return nil
}

// fragmented lists the contexts with at least two small blocks.
func (s *Signals) fragmented(ctx context.Context, account uuid.UUID) ([]uuid.UUID, error) {
	var list []uuid.UUID
	err := tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		// By product, because the index of new blocks is.
		rows, err := tx.Query(ctx, `SELECT b.context_id FROM products p
			JOIN signal_blocks b ON b.account_id = p.account_id AND b.product_id = p.id AND b.created_at >= $2 AND b.n < $3
			WHERE p.account_id = $1 GROUP BY b.context_id HAVING count(*) > 1`, account, s.now().Add(-mergeSpan), smallBlock)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for small blocks: %w", err)
	}
	return list, nil
}

// mergeContext merges one round of the small blocks that begin at or after a time. It
// returns where the next round begins, if there is one.
func (s *Signals) mergeContext(ctx context.Context, account, contextID uuid.UUID, after time.Time) (next time.Time, more bool, err error) {
	err = tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		next, more = time.Time{}, false
		// DELETE … RETURNING of locked rows: two mergers cannot take the same block.
		rows, err := tx.Query(ctx, `WITH small AS MATERIALIZED (
				SELECT first_at, block_id, n FROM signal_blocks
				WHERE account_id = $1 AND context_id = $2 AND created_at >= $3 AND n < $4 AND first_at >= $5
				ORDER BY first_at, block_id LIMIT $6 FOR UPDATE SKIP LOCKED
			), chosen AS (
				SELECT first_at, block_id, sum(n) OVER (ORDER BY first_at, block_id) - n AS before FROM small
			)
			DELETE FROM signal_blocks b USING chosen c
			WHERE b.account_id = $1 AND b.first_at = c.first_at AND b.block_id = c.block_id AND c.before < $7
			RETURNING `+blockColumns, account, contextID, s.now().Add(-mergeSpan), smallBlock, after, mergeBlocks, mergeSignals)
		if err != nil {
			return err
		}
		blocks, err := pgx.CollectRows(rows, scanBlock)
		if err != nil || len(blocks) == 0 {
			return err
		}
		merged, err := signal.Merge(blocks, newID)
		if err != nil {
			return err
		}
		signals := 0
		for _, b := range blocks {
			signals += b.N
			next = later(next, b.FirstAt)
		}
		// A round that took all it may begins the next where it ended, so that its last
		// block, perhaps not full, is filled up; one that gained nothing is the last.
		more = (len(blocks) == mergeBlocks || signals >= mergeSignals) && len(merged) < len(blocks)
		if last := merged[len(merged)-1]; last.N < smallBlock && last.FirstAt.Before(next) {
			next = last.FirstAt
		}
		round := &pgx.Batch{}
		queueBlocks(round, account, merged, s.now())
		return tx.SendBatch(ctx, round).Close()
	})
	return next, more, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
