package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ensurePartitions makes what the batch needs, once a process; usually nothing is
// missing, since they are made ahead of need.
func (s *Signals) ensurePartitions(ctx context.Context, lists [][]candidate) error {
	now := s.now().UTC()
	needed := map[string]bool{"day " + now.Format(time.DateOnly): true}
	low, high := now, now
	for _, list := range lists {
		for _, one := range list {
			if one.At.Before(low) {
				low = one.At
			}
			if one.At.After(high) {
				high = one.At
			}
		}
	}
	for month := monthOf(low); !month.After(high); month = month.AddDate(0, 1, 0) {
		needed["month "+month.Format("2006-01")] = true
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

func monthOf(at time.Time) time.Time {
	year, month, _ := at.UTC().Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
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
