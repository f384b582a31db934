package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/draftlabs/specter/services/verifier/internal/postgres/db"
	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// evidence reads what one verification's look may see, inside the look's transaction.
type evidence struct {
	queries *db.Queries
	of      verification.Verification
}

// Hours implements verification.Evidence.
func (e evidence) Hours(ctx context.Context, plan verification.Plan, from, to time.Time) ([]verification.Hour, error) {
	rows, err := e.queries.HourlyPolarities(ctx, db.HourlyPolaritiesParams{
		PositiveTypes: plan.PositiveTypes, NegativeTypes: plan.NegativeTypes,
		AccountID: e.of.AccountID, ContextID: plan.ContextID, FromHour: from, ToHour: to,
	})
	if err != nil {
		return nil, fmt.Errorf("reading hourly rollups: %w", err)
	}
	hours := make([]verification.Hour, len(rows))
	for i, row := range rows {
		hours[i] = verification.Hour{Start: row.Hour.UTC(), Positive: row.Positive, Negative: row.Negative}
	}
	return hours, nil
}

// Types implements verification.Evidence.
func (e evidence) Types(ctx context.Context, before, after verification.Span) ([]verification.TypeCount, error) {
	rows, err := e.queries.TypesBeforeAndAfter(ctx, db.TypesBeforeAndAfterParams{
		AccountID: e.of.AccountID, ContextID: e.of.ContextID,
		BeforeFrom: before.From, BeforeTo: before.To, AfterFrom: after.From, AfterTo: after.To,
	})
	if err != nil {
		return nil, fmt.Errorf("reading signal types: %w", err)
	}
	types := make([]verification.TypeCount, len(rows))
	for i, row := range rows {
		types[i] = verification.TypeCount{Type: row.Type, Before: row.Before, After: row.After}
	}
	return types, nil
}

// OtherDeployments implements verification.Evidence.
func (e evidence) OtherDeployments(ctx context.Context, span verification.Span) (int, error) {
	n, err := e.queries.CountOtherDeployments(ctx, db.CountOtherDeploymentsParams{
		ProductID: e.of.ProductID, DeploymentID: e.of.DeploymentID, FromAt: &span.From, ToAt: &span.To,
	})
	if err != nil {
		return 0, fmt.Errorf("counting deployments: %w", err)
	}
	return int(n), nil
}

// Arrived implements verification.Evidence.
func (e evidence) Arrived(ctx context.Context, since time.Time) (bool, error) {
	arrived, err := e.queries.HasSignalsSince(ctx, db.HasSignalsSinceParams{AccountID: e.of.AccountID, ProductID: e.of.ProductID, Since: since})
	if err != nil {
		return false, fmt.Errorf("looking for later signals: %w", err)
	}
	return arrived, nil
}
