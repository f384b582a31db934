package dashboard

import (
	"context"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
)

// payee is the farewell.Party that people pay through.
type payee struct{ *billing.Service }

var _ farewell.Party = payee{}

// Name implements farewell.Party.
func (payee) Name() string { return farewell.Billing }

// Forget implements farewell.Party: Stripe cancels what the customer pays for, and forgets them.
func (p payee) Forget(ctx context.Context, l farewell.Leaving) (farewell.Outcome, error) {
	if !p.On() {
		return farewell.None, nil
	}
	return farewell.Deleted, p.Farewell(ctx, l.Deletion)
}
