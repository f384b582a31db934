package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
	"github.com/draftlabs/specter/services/notifier/internal/postgres/db"
)

// recoverBatch is how many deliveries one transaction makes pending again.
const recoverBatch = 200

// Resend implements delivery.Store.
func (s *Store) Resend(ctx context.Context, r delivery.Resend, now time.Time) error {
	return tenant.Tx(ctx, s.pool, r.AccountID, func(tx pgx.Tx) error {
		fresh, err := s.outbox.Claim(ctx, tx, consumer, r.RequestID)
		if err != nil || !fresh {
			return err
		}
		again, err := db.New(tx).ResendDelivery(ctx, db.ResendDeliveryParams{AccountID: r.AccountID, EndpointID: r.EndpointID, ID: r.DeliveryID, Now: &now})
		if err != nil {
			return fmt.Errorf("sending delivery %s again: %w", r.DeliveryID, err)
		}
		for _, row := range again { // none: its thirty days are over
			task := delivery.Task{AccountID: r.AccountID, DeliveryID: r.DeliveryID, EndpointID: r.EndpointID, Attempt: int(row.Attempts) + 1, Resends: int(row.Resends), At: now}
			if err := s.tasks.Schedule(ctx, tx, task); err != nil {
				return err
			}
		}
		return nil
	})
}

// Recover implements delivery.Store.
func (s *Store) Recover(ctx context.Context, r delivery.Recovery, now time.Time) (more bool, err error) {
	err = tenant.Tx(ctx, s.pool, r.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockOrder(ctx, []uuid.UUID{r.EndpointID}); err != nil {
			return fmt.Errorf("locking the order of deliveries: %w", err)
		}
		ids, err := q.RecoverDeliveries(ctx, db.RecoverDeliveriesParams{
			AccountID: r.AccountID, EndpointID: r.EndpointID, Since: r.Since, RequestedAt: &r.AskedAt, Batch: recoverBatch,
		})
		if err != nil {
			return fmt.Errorf("recovering deliveries of endpoint %s: %w", r.EndpointID, err)
		}
		more = len(ids) == recoverBatch
		due, err := q.WakeRecovered(ctx, db.WakeRecoveredParams{AccountID: r.AccountID, Ids: ids, Now: &now})
		if err != nil {
			return fmt.Errorf("recovering deliveries of endpoint %s: %w", r.EndpointID, err)
		}
		tasks := make([]delivery.Task, len(due))
		for i, row := range due {
			tasks[i] = delivery.Task{
				AccountID: r.AccountID, DeliveryID: row.ID, EndpointID: r.EndpointID, Attempt: int(row.Attempts) + 1, Resends: int(row.Resends), At: now, Slow: true,
			}
		}
		return s.tasks.Schedule(ctx, tx, tasks...)
	})
	return more, err
}
