package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"

	"github.com/draftlabs/specter/services/dashboard/internal/broker"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/rebuild"
)

// What the operator's command line does beside a running dashboard or without one. The pool has the
// dashboard's role.

// rebuildRetry is the pause after a rebuild that failed because the broker or database was away.
const rebuildRetry = 5 * time.Second

// LimitAccount sets how many signals the account with this e-mail address may send in a calendar
// month (UTC); 0 is unlimited. The gateways know as soon as a dashboard publishes its outbox.
func LimitAccount(ctx context.Context, db *pgxpool.Pool, email string, limit int64, now time.Time) (uuid.UUID, error) {
	if limit < 0 {
		return uuid.Nil, fault.New(fault.Invalid, "invalid_request", "A limit cannot be negative; 0 means unlimited.")
	}
	return postgres.Operator(db, outbox.New(name)).LimitAccount(ctx, email, limit, now.UTC())
}

// LimitAnalyses sets how many analyses of all its contexts the account with this e-mail address may
// have in a day (UTC); 0 is unlimited.
func LimitAnalyses(ctx context.Context, db *pgxpool.Pool, email string, limit int32, now time.Time) (uuid.UUID, error) {
	if limit < 0 {
		return uuid.Nil, fault.New(fault.Invalid, "invalid_request", "A limit cannot be negative; 0 means unlimited.")
	}
	return postgres.Operator(db, outbox.New(name)).LimitAnalyses(ctx, email, limit, now.UTC())
}

// Rebuilt says what RebuildCatalog did.
type Rebuilt = rebuild.Report

// RebuildCatalog makes the gateways' catalogue anew from the database and returns when all of it
// is at the broker. Running dashboards and people's changes are not disturbed.
func RebuildCatalog(ctx context.Context, db *pgxpool.Pool, b *bus.Bus, log *zap.Logger) (Rebuilt, error) {
	box := outbox.New(name)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var report Rebuilt
	var failed error
	// A relay of its own: it stands by while a running dashboard's works.
	work := lifecycle.Group(box.Relay(db, b, log), lifecycle.Func(func(ctx context.Context, ready func()) error {
		defer cancel()
		ready()
		report, failed = rebuild.Run(ctx, postgres.Catalog{Store: postgres.Operator(db, box)}, broker.NewCatalog(b))
		return nil
	}))
	if err := work.Run(ctx, func() {}); err != nil && failed == nil {
		failed = err
	}
	if failed != nil {
		return report, fmt.Errorf("rebuilding the catalogue: %w", failed)
	}
	return report, nil
}

// keepCatalog rebuilds the catalogue at start when the broker has lost it, or never had it.
func keepCatalog(from rebuild.Source, to rebuild.Bucket, log *zap.Logger) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready() // the dashboard serves meanwhile
		for ctx.Err() == nil {
			report, needed, err := rebuild.IfNeeded(ctx, from, to)
			if err == nil {
				if needed {
					log.Info("rebuilt the catalogue", zap.Int("accounts", report.Accounts), zap.Int("written", report.Written), zap.Int("removed", report.Removed))
				}
				<-ctx.Done()
				return nil
			}
			if ctx.Err() == nil {
				log.Warn("rebuilding the catalogue was interrupted", zap.Error(err))
			}
			select {
			case <-ctx.Done():
			case <-time.After(rebuildRetry):
			}
		}
		return nil
	})
}
