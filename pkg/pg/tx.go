package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// maxAttempts bounds the tries of one transaction. With the pauses below the
	// last try starts after at most about 300 ms.
	maxAttempts  = 6
	minTxBackoff = 10 * time.Millisecond
)

// InTx runs fn in a transaction and commits it, or rolls back when fn fails.
//
// When Postgres aborts it because of a serialization failure (40001) or a
// deadlock (40P01), the whole of fn runs again, at most six times with growing
// jittered pauses; fn must therefore have no effect outside the transaction.
func InTx(ctx context.Context, db *pgxpool.Pool, fn func(pgx.Tx) error) error {
	return InTxOptions(ctx, db, pgx.TxOptions{}, fn)
}

// InTxOptions is InTx with an isolation level, access mode or begin statement.
func InTxOptions(ctx context.Context, db *pgxpool.Pool, o pgx.TxOptions, fn func(pgx.Tx) error) error {
	pause := minTxBackoff
	for attempt := 1; ; attempt++ {
		err := pgx.BeginTxFunc(ctx, db, o, fn)
		if err == nil || !retryable(err) {
			return err
		}
		if attempt == maxAttempts {
			return fmt.Errorf("giving up after %d conflicting transactions: %w", attempt, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause *= 2
	}
}

func retryable(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}
