package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	mergePoll = 50 * time.Millisecond
	mergeTime = 60 * time.Second
)

// weigh brings the hourly merge forward, lets the ids go as they do after ten days,
// and weighs what is left.
func (r *rig) weigh(ctx context.Context, o Options, result *Result) error {
	o.Say("merging blocks and weighing")
	if err := r.merge(ctx); err != nil {
		return err
	}
	for _, sql := range []string{
		`TRUNCATE signal_ids`,
		`VACUUM plain_signals`,
		// The small blocks' room is used again by the blocks that follow; after one day of signals
		// and nothing else it would count as if it were kept for ever.
		`VACUUM FULL signal_blocks`,
		`VACUUM rollup_hourly, rollup_dimension_hourly`,
		`VACUUM FULL session_samples`, // likewise
	} {
		if _, err := r.owner.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	var n, blocks, rollups, samples, row float64
	err := r.owner.QueryRow(ctx, `SELECT (SELECT count(*) FROM plain_signals),
		(SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'signal_blocks'::regclass),
		(SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent IN ('rollup_hourly'::regclass, 'rollup_dimension_hourly'::regclass))
			+ pg_total_relation_size('product_activity'),
		(SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'session_samples'::regclass),
		pg_total_relation_size('plain_signals')`).Scan(&n, &blocks, &rollups, &samples, &row)
	if err != nil {
		return fmt.Errorf("weighing: %w", err)
	}
	if n == 0 {
		return errors.New("nothing was stored")
	}
	result.BlockBytes, result.RollupBytes, result.SampleBytes = blocks/n, rollups/n, samples/n
	result.BytesPerSignal, result.RowBytesPerSignal = (blocks+rollups+samples)/n, row/n
	return nil
}

// merge makes the merges that are due within the hour due now and waits for them.
func (r *rig) merge(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, mergeTime)
	defer cancel()
	if _, err := r.owner.Exec(ctx, `UPDATE river_analyzer.river_job SET state = 'available', scheduled_at = now() WHERE kind = 'merge_blocks' AND state = 'scheduled'`); err != nil {
		return fmt.Errorf("bringing the merge forward: %w", err)
	}
	for {
		var done, open int
		err := r.owner.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state <> 'completed')
			FROM river_analyzer.river_job WHERE kind = 'merge_blocks'`).Scan(&done, &open)
		if err != nil {
			return fmt.Errorf("asking for the merges: %w", err)
		}
		if done >= accounts && open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d merges are done, %d are not: %w", done, open, ctx.Err())
		case <-time.After(mergePoll):
		}
	}
}
