package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/transition"
)

// transitions names the inbox of what other services did.
const transitions = "transitions"

// Append implements consume.AuditLog. The account is locked: an entry never comes after its purge.
func (s *Store) Append(ctx context.Context, e transition.Entry) error {
	err := s.in(ctx, e.Account, func(tx pgx.Tx, q *db.Queries) error {
		switch _, err := q.OpenAccount(ctx, e.Account); {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		fresh, err := s.outbox.Claim(ctx, tx, transitions, e.Event)
		if err != nil || !fresh {
			return err
		}
		return audit(ctx, q, change{
			actor: actor.Actor{Account: e.Account, Name: e.Actor}, at: e.At, action: e.Action, subject: e.Subject, id: e.ID, detail: e.Detail,
		})
	})
	return wrap(err, "writing the audit log")
}
