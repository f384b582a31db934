package dashboard

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/entitlement"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// Grant is what an account may use: by its plan, and where the operator says otherwise.
type Grant = entitlement.Grant

// Operator is what the operator says of one account.
type Operator = entitlement.Operator

// Override changes what the operator says of the account with this e-mail address. It wins over the
// account's plan until it is taken back. Gateways know as soon as a dashboard publishes its outbox.
func Override(ctx context.Context, db *pgxpool.Pool, email string, now time.Time, edit func(*Operator)) (Grant, error) {
	return entitlements(db).Override(ctx, email, now.UTC(), edit)
}

// AccountGrant reads what the account with this e-mail address may use.
func AccountGrant(ctx context.Context, db *pgxpool.Pool, email string) (Grant, error) {
	return entitlements(db).Grant(ctx, email)
}

// Plans lists the plans in force: those of the dashboard that started last.
func Plans(ctx context.Context, db *pgxpool.Pool) ([]plan.Terms, error) {
	return entitlements(db).Plans(ctx)
}

func entitlements(db *pgxpool.Pool) postgres.Entitlements {
	return postgres.Entitlements{Store: postgres.Operator(db, outbox.New(name))}
}

const (
	// restoreEvery is how soon it is noticed that the broker has lost what was used.
	restoreEvery = 2 * time.Second
	// reconcileEvery is how soon what was counted twice is given back.
	reconcileEvery = 5 * time.Minute
)

// keepCounts keeps what counts against monthly limits in line with what is stored.
func keepCounts(r *usage.Reconciler, log *zap.Logger) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready()
		every := func(pause time.Duration, doing string, do func(context.Context) (int, error)) {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for ctx.Err() == nil {
				persist(ctx, log, doing, func() error {
					n, err := do(ctx)
					if n > 0 {
						log.Info(doing, zap.Int("accounts", n))
					}
					return err
				})
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		}
		var both sync.WaitGroup
		both.Go(func() { every(restoreEvery, "restoring what was used of monthly limits", r.Restore) })
		both.Go(func() {
			every(reconcileEvery, "comparing what was used of monthly limits with what is stored", r.Reconcile)
		})
		both.Wait()
		return nil
	})
}

// keepPlans puts the book in force: for new accounts before anybody is served, for those there are
// meanwhile.
func keepPlans(s entitlement.Store, book plan.Book, margins plan.Margins, now func() time.Time, log *zap.Logger) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		persist(ctx, log, "keeping the plans", func() error { return s.Keep(ctx, book, margins) })
		ready()
		persist(ctx, log, "putting the plans in force", func() error {
			report, err := entitlement.Renew(ctx, s, now)
			if report.Changed > 0 {
				log.Info("put the plans in force", zap.Int("accounts", report.Accounts), zap.Int("changed", report.Changed))
			}
			if report.Lost > 0 {
				log.Warn("accounts have a plan that is in no book any more: they keep the limits they have", zap.Int("accounts", report.Lost))
			}
			return err
		})
		<-ctx.Done()
		return nil
	})
}
