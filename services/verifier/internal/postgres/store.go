package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/verifier/internal/postgres/db"
	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

const inboxConsumer = "verifier"

// Scheduler sets the timer of a look in a transaction, so that it exists exactly when the transaction commits.
type Scheduler interface {
	ScheduleLook(ctx context.Context, tx pgx.Tx, due verification.Due) error
}

// Store implements verification.Store.
type Store struct {
	pool   *pgxpool.Pool
	outbox outbox.Outbox
	timers Scheduler
}

// NewStore returns a store on the service's pool, which it borrows.
func NewStore(pool *pgxpool.Pool, o outbox.Outbox, timers Scheduler) *Store {
	return &Store{pool: pool, outbox: o, timers: timers}
}

// Register implements verification.Store.
func (s *Store) Register(ctx context.Context, e verification.Event, decide func(verification.Deployment) (verification.Registration, bool, error)) error {
	return s.claimed(ctx, e, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.DeployedSubject(ctx, e.DeploymentID)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %s", verification.ErrUnknownDeployment, e.DeploymentID)
		}
		if err != nil {
			return fmt.Errorf("reading the deployment: %w", err)
		}
		d := verification.Deployment{
			ID: row.ID, ProposalID: row.ProposalID, ProductID: row.ProductID, ContextID: row.ContextID,
			Deployed: row.Status == deploymentDeployed && row.DeployedAt != nil,
			TimeZone: row.TimeZone, PositiveTypes: row.PositiveTypes, NegativeTypes: row.NegativeTypes,
			FindingStartedAt: row.FindingStartedAt, FindingDetectedAt: row.FindingDetectedAt, Predicted: row.PredictedImpact,
		}
		if row.DeployedAt != nil {
			d.DeployedAt = *row.DeployedAt
		}
		r, test, err := decide(d)
		if err != nil || !test {
			return err
		}
		return s.insert(ctx, tx, q, r)
	})
}

// deploymentDeployed is the one status of a deployment that is in place.
const deploymentDeployed = "deployed"

func (s *Store) insert(ctx context.Context, tx pgx.Tx, q *db.Queries, r verification.Registration) error {
	v := r.Verification
	plan, err := json.Marshal(v.Plan)
	if err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	inserted, err := q.InsertVerification(ctx, db.InsertVerificationParams{
		ID: v.ID, AccountID: v.AccountID, ProductID: v.ProductID, ContextID: v.ContextID, DeploymentID: v.DeploymentID, ProposalID: v.ProposalID,
		DeployedAt: v.Plan.DeployedAt, Plan: plan, Method: v.Plan.Method, RegisteredAt: v.RegisteredAt,
	})
	if err != nil {
		return fmt.Errorf("storing the verification: %w", err)
	}
	if inserted == 0 {
		return nil
	}
	return s.timers.ScheduleLook(ctx, tx, r.First)
}

// Stop implements verification.Store.
func (s *Store) Stop(ctx context.Context, e verification.Event, at time.Time) error {
	return s.claimed(ctx, e, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.StopVerification(ctx, db.StopVerificationParams{DeploymentID: e.DeploymentID, DecidedAt: &at}); err != nil {
			return fmt.Errorf("storing the stop: %w", err)
		}
		return nil
	})
}

// claimed runs fn in the account's transaction, once for each event.
func (s *Store) claimed(ctx context.Context, e verification.Event, fn func(pgx.Tx, *db.Queries) error) error {
	return tenant.Tx(ctx, s.pool, e.AccountID, func(tx pgx.Tx) error {
		fresh, err := s.outbox.Claim(ctx, tx, inboxConsumer, e.ID)
		if err != nil || !fresh {
			return err
		}
		return fn(tx, db.New(tx))
	})
}

// Look implements verification.Store.
func (s *Store) Look(ctx context.Context, due verification.Due, evaluate func(context.Context, verification.Verification, verification.Evidence) (verification.Step, error)) error {
	return tenant.Tx(ctx, s.pool, due.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.LockVerification(ctx, due.VerificationID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // the account is gone, and its timers with it
		}
		if err != nil {
			return fmt.Errorf("reading the verification: %w", err)
		}
		v := verification.Verification{
			ID: row.ID, AccountID: row.AccountID, ProductID: row.ProductID, ContextID: row.ContextID,
			DeploymentID: row.DeploymentID, ProposalID: row.ProposalID,
			Status: verification.Status(row.Status), RegisteredAt: row.RegisteredAt,
			RolledBack: row.DeploymentStatus != deploymentDeployed, LastLookDay: int(row.LastLookDay),
		}
		if err := json.Unmarshal(row.Plan, &v.Plan); err != nil {
			return fmt.Errorf("decoding the plan: %w", err)
		}
		step, err := evaluate(ctx, v, evidence{queries: q, of: v})
		if err != nil || step.Wait > 0 || step.Status == "" {
			return err
		}
		return s.apply(ctx, tx, q, v, step)
	})
}

// apply stores what a look concluded, with its event or the next timer.
func (s *Store) apply(ctx context.Context, tx pgx.Tx, q *db.Queries, v verification.Verification, step verification.Step) error {
	if step.Taken == nil {
		if _, err := q.StopVerification(ctx, db.StopVerificationParams{DeploymentID: v.DeploymentID, DecidedAt: &step.At}); err != nil {
			return fmt.Errorf("storing the stop: %w", err)
		}
		return nil
	}
	result, err := json.Marshal(step.Result)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	look := db.InsertLookParams{
		AccountID: v.AccountID, VerificationID: v.ID, LookDay: int32(step.Taken.Day),
		AsOf: step.Taken.AsOf, Result: result, CreatedAt: step.At,
	}
	if err := q.InsertLook(ctx, look); err != nil {
		return fmt.Errorf("storing the look: %w", err)
	}
	state := db.UpdateVerificationParams{ID: v.ID, Status: string(step.Status), Result: result, AsOf: &step.Taken.AsOf}
	if step.EventID != uuid.Nil {
		state.DecidedAt = &step.At
	}
	if err := q.UpdateVerification(ctx, state); err != nil {
		return fmt.Errorf("storing the verification's state: %w", err)
	}
	if step.Next != nil {
		return s.timers.ScheduleLook(ctx, tx, *step.Next)
	}
	return s.publish(ctx, tx, v, step)
}
