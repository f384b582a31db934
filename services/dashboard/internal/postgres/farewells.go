package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Farewells is the farewell.Answers.
type Farewells struct{ *Store }

var _ farewell.Answers = Farewells{}

// Answer tells retention (event) what a party did.
func (s Farewells) Answer(ctx context.Context, l farewell.Leaving, party string, o farewell.Outcome, at time.Time) error {
	err := s.in(ctx, l.Account, func(tx pgx.Tx, _ *db.Queries) error {
		return emit(ctx, tx, s.Store, event.AccountForgotten, actor.Actor{Account: l.Account}, at, &eventv1.AccountForgotten{
			DeletionId: l.Deletion.String(), Party: party, Outcome: string(o),
		})
	})
	return wrap(err, "telling what a party did")
}
