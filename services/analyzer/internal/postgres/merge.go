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
	// mergeSpan is how far back blocks are merged; what is older was merged before.
	mergeSpan = 26 * time.Hour
	// smallBlock: blocks at least this full are left alone.
	smallBlock = signal.FullBlock / 2
	// mergeBlocks bounds one transaction.
	mergeBlocks = 500
)

// Merge repacks an account's small blocks into full ones. Signals, their order and
// every byte of them stay; only the rows they lie in change.
func (s *Signals) Merge(ctx context.Context, account uuid.UUID) error {
	areas, err := s.fragmented(ctx, account)
	if err != nil {
		return err
	}
	for _, contextID := range areas {
		for {
			more, err := s.mergeContext(ctx, account, contextID)
			if err != nil {
				return fmt.Errorf("merging blocks: %w", err)
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// fragmented lists the contexts with at least two small blocks.
func (s *Signals) fragmented(ctx context.Context, account uuid.UUID) ([]uuid.UUID, error) {
	var list []uuid.UUID
	err := tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT context_id FROM signal_blocks
			WHERE account_id = $1 AND first_at >= $2 AND n < $3 GROUP BY context_id HAVING count(*) > 1`, account, s.now().Add(-mergeSpan), smallBlock)
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

// mergeContext merges one round; more means that there may be another one.
func (s *Signals) mergeContext(ctx context.Context, account, contextID uuid.UUID) (more bool, err error) {
	err = tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error {
		more = false
		// DELETE … RETURNING: two mergers cannot take the same block.
		rows, err := tx.Query(ctx, `DELETE FROM signal_blocks WHERE account_id = $1 AND (first_at, block_id) IN (
				SELECT first_at, block_id FROM signal_blocks
				WHERE account_id = $1 AND context_id = $2 AND first_at >= $3 AND n < $4
				ORDER BY first_at LIMIT $5 FOR UPDATE SKIP LOCKED)
			RETURNING block_id, product_id, n, signals::text`, account, contextID, s.now().Add(-mergeSpan), smallBlock, mergeBlocks)
		if err != nil {
			return err
		}
		blocks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (signal.Block, error) {
			b := signal.Block{ContextID: contextID}
			err := row.Scan(&b.ID, &b.ProductID, &b.N, &b.Document)
			return b, err
		})
		if err != nil || len(blocks) == 0 {
			return err
		}
		merged, err := signal.Merge(blocks, newID)
		if err != nil {
			return err
		}
		// When everything fits into as many blocks, there is nothing left to gain.
		more = len(blocks) == mergeBlocks && len(merged) < len(blocks)
		round := &pgx.Batch{}
		queueBlocks(round, account, merged, s.now())
		return tx.SendBatch(ctx, round).Close()
	})
	return more, err
}
