package dashboard

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/outbox"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
)

// FindAccount finds the one account with this e-mail address.
func FindAccount(ctx context.Context, db *pgxpool.Pool, email string) (uuid.UUID, error) {
	return postgres.Operator(db, outbox.New(name)).AccountByEmail(ctx, email)
}

// DeletionGrace is how long a person who deletes their account under these settings can take it back.
func DeletionGrace(src config.Source) (time.Duration, error) {
	c, err := config.Load[Closing](src)
	return c.DeletionGrace, errors.Join(err, c.check())
}

// CloseAccount schedules an account's deletion for the operator, as its owner would: every door is closed from
// now on, and after grace (29 days at most) everything goes.
func CloseAccount(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, grace time.Duration, now time.Time) (purge time.Time, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	purge = now.Add(min(max(grace, 0), account.LongestGrace))
	deletion, err := uuid.NewV7()
	if err != nil {
		return purge, err
	}
	store := postgres.Accounts{Store: postgres.Operator(db, outbox.New(name)), Grace: grace}
	_, err = store.Close(ctx, actor.Operator(id), deletion, now, purge, uuid.Nil)
	return purge, err
}

// ReopenAccount cancels a deletion for the operator.
func ReopenAccount(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, now time.Time) error {
	store := postgres.Accounts{Store: postgres.Operator(db, outbox.New(name)), Grace: account.LongestGrace}
	_, err := store.Reopen(ctx, actor.Operator(id), now.UTC().Truncate(time.Microsecond))
	return err
}
