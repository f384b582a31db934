package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"

	"github.com/draftlabs/specter/services/dashboard/internal/broker"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/rebuild"
)

// What the operator's command line does beside a running dashboard or without one. The pool has the
// dashboard's role.

// operateRetry is the pause after something failed because the broker or database was away.
const operateRetry = 5 * time.Second

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
		persist(ctx, log, "rebuilding the catalogue", func() error {
			report, needed, err := rebuild.IfNeeded(ctx, from, to)
			if err == nil && needed {
				log.Info("rebuilt the catalogue", zap.Int("accounts", report.Accounts), zap.Int("written", report.Written), zap.Int("removed", report.Removed))
			}
			return err
		})
		<-ctx.Done()
		return nil
	})
}

// persist does something once the broker and the database are there for it.
func persist(ctx context.Context, log *zap.Logger, doing string, do func() error) {
	for ctx.Err() == nil {
		err := do()
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			log.Warn(doing+" was interrupted", zap.Error(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(operateRetry):
		}
	}
}
