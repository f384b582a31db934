package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Verified is the sequence up to which a stream, known by when it was made, was
// compared with the positions; 0 when it never was.
func (s *Signals) Verified(ctx context.Context, stream string, created time.Time) (uint64, error) {
	var sequence int64
	err := s.db.QueryRow(ctx, `SELECT verified FROM reconciliations WHERE stream = $1 AND stream_created = $2`, stream, created).Scan(&sequence)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("reading the reconciliation: %w", err)
	}
	return uint64(sequence), nil
}

// SetVerified records it.
func (s *Signals) SetVerified(ctx context.Context, stream string, created time.Time, sequence uint64) error {
	_, err := s.db.Exec(ctx, `INSERT INTO reconciliations (stream, stream_created, verified, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (stream) DO UPDATE SET stream_created = excluded.stream_created, verified = excluded.verified, at = excluded.at`,
		stream, created, int64(sequence), s.now())
	if err != nil {
		return fmt.Errorf("writing the reconciliation: %w", err)
	}
	return nil
}

// clockSkew between the broker, which says when a stream was made, and us.
const clockSkew = time.Hour

// WithoutPosition lists the sequences from first to last of a stream made at created
// that have no position.
func (s *Signals) WithoutPosition(ctx context.Context, stream string, created time.Time, first, last uint64) ([]uint64, error) {
	rows, err := s.db.Query(ctx, `SELECT g.sequence FROM generate_series($2::bigint, $3::bigint) AS g (sequence)
		LEFT JOIN stream_positions p ON p.stream = $1 AND p.sequence = g.sequence AND p.sequence BETWEEN $2 AND $3 AND p.at >= $4
		WHERE p.sequence IS NULL ORDER BY 1`, stream, int64(first), int64(last), created.Add(-clockSkew))
	if err != nil {
		return nil, fmt.Errorf("comparing the positions: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("comparing the positions: %w", err)
	}
	out := make([]uint64, len(missing))
	for i, sequence := range missing {
		out[i] = uint64(sequence)
	}
	return out, nil
}

// TrimPositions forgets positions of messages the stream itself no longer keeps. One that
// comes later still, as a dead letter, is known by its signals.
func (s *Signals) TrimPositions(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM stream_positions WHERE at < $1`, s.now().AddDate(0, 0, -8)); err != nil {
		return fmt.Errorf("trimming positions: %w", err)
	}
	// A message that failed may come again for as long as dead letters are kept.
	if _, err := s.db.Exec(ctx, `DELETE FROM stream_parts WHERE at < $1`, s.now().AddDate(0, 0, -40)); err != nil {
		return fmt.Errorf("trimming parts: %w", err)
	}
	return nil
}
