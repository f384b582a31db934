package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/retention/internal/export"
)

// Signals implements export.Reader.
func (r *reader) Signals(ctx context.Context, t export.Planned, p *export.Plan, recent bool, after []string, asOf time.Time, each func([][]byte) (bool, error)) ([]string, bool, error) {
	if recent {
		return r.recent(ctx, t, p, after, asOf, each)
	}
	return r.settled(ctx, t, p, after, asOf, each)
}

// block names a block of signals.
type block struct {
	FirstAt time.Time
	ID      uuid.UUID
}

// beginning is the key before every other.
func beginning() []string { return []string{"-infinity", uuid.Nil.String()} }

// settled reads blocks that nobody changes any more, in the order of time. The key is a block's, and a
// block is taken whole.
func (r *reader) settled(ctx context.Context, t export.Planned, p *export.Plan, after []string, asOf time.Time, each func([][]byte) (bool, error)) ([]string, bool, error) {
	if after == nil {
		after = beginning()
	}
	rows, err := r.tx.Query(ctx, `SELECT first_at, block_id FROM signal_blocks
		WHERE account_id = $1 AND created_at < $2 AND (first_at, block_id) > ($3::text::timestamptz, $4::text::uuid)
		ORDER BY first_at, block_id LIMIT $5`, r.build.AccountID, p.Settled, after[0], after[1], pageBlocks)
	if err != nil {
		return nil, false, fmt.Errorf("looking for blocks: %w", err)
	}
	blocks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[block])
	if err != nil {
		return nil, false, fmt.Errorf("looking for blocks: %w", err)
	}
	for _, b := range blocks {
		full := false
		q := newQuery(t, r.build.AccountID, asOf)
		q.and(`block_first_at = %s AND block_id = %s`, b.FirstAt, b.ID)
		_, _, _, err := r.read(ctx, q, 0, func(row [][]byte) (bool, error) {
			more, err := each(row)
			full = full || !more
			return true, err
		})
		if err != nil {
			return nil, false, fmt.Errorf("reading block %s: %w", b.ID, err)
		}
		after = []string{b.FirstAt.UTC().Format(time.RFC3339Nano), b.ID.String()}
		if full {
			return after, false, nil
		}
	}
	return after, len(blocks) < pageBlocks, nil
}

// recent reads signals of blocks that may yet be merged: by the signals' own times, a window of time in
// a statement. The windows are cut where blocks begin, so that few blocks are opened twice.
func (r *reader) recent(ctx context.Context, t export.Planned, p *export.Plan, after []string, asOf time.Time, each func([][]byte) (bool, error)) ([]string, bool, error) {
	if after == nil {
		after = beginning()
	}
	overlapping, end, err := r.window(ctx, p, after[0])
	if err != nil {
		return nil, false, fmt.Errorf("looking for blocks: %w", err)
	}
	q := newQuery(t, r.build.AccountID, asOf)
	q.after(after)
	firsts, ids := make([]time.Time, len(overlapping)), make([]uuid.UUID, len(overlapping))
	for i, b := range overlapping {
		firsts[i], ids[i] = b.FirstAt, b.ID
	}
	q.and(`block_first_at = ANY (%s) AND block_id = ANY (%s)`, firsts, ids)
	if end != nil {
		q.and(`occurred_at < %s`, *end)
	}
	last, _, stopped, err := r.read(ctx, q, 0, each)
	switch {
	case err != nil:
		return nil, false, err
	case stopped:
		return last, false, nil
	case end == nil:
		return last, true, nil
	default:
		return []string{end.UTC().Format(time.RFC3339Nano), uuid.Nil.String()}, false, nil
	}
}

// window finds the end of the window that begins at from, nil for the last, and the blocks that reach
// into it.
func (r *reader) window(ctx context.Context, p *export.Plan, from string) (blocks []block, end *time.Time, err error) {
	// A block lies within a month: those of months before need not be looked at.
	rows, err := r.tx.Query(ctx, `SELECT first_at, block_id FROM signal_blocks
		WHERE account_id = $1 AND created_at >= $2 AND first_at <= $3::text::timestamptz AND last_at >= $3::text::timestamptz
			AND first_at >= date_trunc('month', $3::text::timestamptz, 'UTC')`, r.build.AccountID, p.Settled, from)
	if err != nil {
		return nil, nil, err
	}
	if blocks, err = pgx.CollectRows(rows, pgx.RowToStructByPos[block]); err != nil {
		return nil, nil, err
	}
	type sized struct {
		block
		Bytes int64
	}
	rows, err = r.tx.Query(ctx, `SELECT first_at, block_id, coalesce(payload_bytes, 500 * n) + 200 * n FROM signal_blocks
		WHERE account_id = $1 AND created_at >= $2 AND first_at > $3::text::timestamptz ORDER BY first_at, block_id LIMIT $4`, r.build.AccountID, p.Settled, from, windowBlocks)
	if err != nil {
		return nil, nil, err
	}
	ahead, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sized, err error) {
		return s, row.Scan(&s.FirstAt, &s.ID, &s.Bytes)
	})
	if err != nil {
		return nil, nil, err
	}
	bytes := int64(0)
	for i, b := range ahead {
		if bytes += b.Bytes; bytes >= windowBytes || i == windowBlocks-1 {
			return blocks, &b.FirstAt, nil
		}
		blocks = append(blocks, b.block)
	}
	return blocks, nil, nil
}
