package postgres

import (
	"context"
	"crypto/sha256"
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
func (s *Store) Register(ctx context.Context, e verification.Event, decide func(context.Context, verification.Deployment, *verification.Verification, verification.Evidence) (*verification.Registration, error)) error {
	return s.claimed(ctx, e, func(tx pgx.Tx, q *db.Queries) error {
		d, err := deployment(ctx, q, e.DeploymentID)
		if err != nil {
			return err
		}
		before, err := lock(ctx, q, db.LockVerificationParams{DeploymentID: &e.DeploymentID})
		if err != nil {
			return err
		}
		r, err := decide(ctx, d, before, newEvidence(q, e.AccountID, d))
		if err != nil || r == nil {
			return err
		}
		return s.insert(ctx, tx, q, *r)
	})
}

// deploymentDeployed is the one status of a deployment that is in place.
const deploymentDeployed = "deployed"

// deployment reads what is known of a deployment.
func deployment(ctx context.Context, q *db.Queries, id uuid.UUID) (verification.Deployment, error) {
	row, err := q.DeployedSubject(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return verification.Deployment{}, fmt.Errorf("%w: %s", verification.ErrUnknownDeployment, id)
	}
	if err != nil {
		return verification.Deployment{}, fmt.Errorf("reading the deployment: %w", err)
	}
	d := verification.Deployment{
		ID: row.ID, ProposalID: row.ProposalID, ProductID: row.ProductID, ContextID: row.ContextID,
		Deployed: row.Status == deploymentDeployed && row.DeployedAt != nil, CanaryShare: row.CanaryShare,
		TimeZone: row.TimeZone, PositiveTypes: row.PositiveTypes, NegativeTypes: row.NegativeTypes, Predicted: row.PredictedImpact,
	}
	if row.DeployedAt != nil {
		d.DeployedAt = *row.DeployedAt
	}
	if row.FindingStartedAt != nil && row.FindingDetectedAt != nil {
		d.Finding = &verification.Finding{StartedAt: *row.FindingStartedAt, DetectedAt: *row.FindingDetectedAt}
		if err := json.Unmarshal(row.FindingEvidence, &d.Finding.Evidence); err != nil {
			return d, fmt.Errorf("decoding the finding's evidence: %w", err)
		}
	}
	return d, nil
}

// insert stores a new test, or a later plan of one, with the timer of its first look.
func (s *Store) insert(ctx context.Context, tx pgx.Tx, q *db.Queries, r verification.Registration) error {
	v := r.Verification
	plan, err := json.Marshal(v.Plan)
	if err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	if v.Plan.Revision > 1 {
		err := q.InsertPlan(ctx, db.InsertPlanParams{
			AccountID: v.AccountID, VerificationID: v.ID, Revision: int32(v.Plan.Revision), Plan: plan, Method: v.Plan.Method,
			DeployedAt: v.Plan.DeployedAt, Because: v.Plan.RevisedBecause, RegisteredAt: v.RegisteredAt,
		})
		if err != nil {
			return fmt.Errorf("storing the later plan: %w", err)
		}
		return s.timers.ScheduleLook(ctx, tx, r.First)
	}
	inserted, err := q.InsertVerification(ctx, db.InsertVerificationParams{
		ID: v.ID, AccountID: v.AccountID, ProductID: v.ProductID, ContextID: v.ContextID, DeploymentID: v.DeploymentID, ProposalID: v.ProposalID,
		DeployedAt: v.Plan.DeployedAt, Plan: plan, Method: v.Plan.Method, RegisteredAt: v.RegisteredAt,
	})
	if err != nil {
		return fmt.Errorf("storing the verification: %w", err)
	}
	if inserted == 0 {
		return nil // registered in the same moment by another report
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
		v, err := lock(ctx, q, db.LockVerificationParams{ID: &due.VerificationID})
		if err != nil || v == nil {
			return err // nil: the account is gone, and its timers with it
		}
		step, err := evaluate(ctx, *v, evidence{
			queries: q, account: v.AccountID, product: v.ProductID, context: v.ContextID, deployment: v.DeploymentID,
		})
		switch {
		case err != nil, step.Wait > 0:
			return err
		case step.Revised != nil:
			return s.insert(ctx, tx, q, *step.Revised)
		case step.Status == "":
			return nil
		}
		return s.apply(ctx, tx, q, *v, step)
	})
}

// lock reads a test with the plan in force, and keeps others from it until the transaction ends; nil for none.
func lock(ctx context.Context, q *db.Queries, which db.LockVerificationParams) (*verification.Verification, error) {
	row, err := q.LockVerification(ctx, which)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the verification: %w", err)
	}
	v := verification.Verification{
		ID: row.ID, AccountID: row.AccountID, ProductID: row.ProductID, ContextID: row.ContextID,
		DeploymentID: row.DeploymentID, ProposalID: row.ProposalID, Status: verification.Status(row.Status), RegisteredAt: row.RegisteredAt,
		RolledBack: row.DeploymentStatus != deploymentDeployed,
		TimeZone:   row.TimeZone, PositiveTypes: row.PositiveTypes, NegativeTypes: row.NegativeTypes,
	}
	if row.DeploymentDeployedAt != nil {
		v.DeployedAt = *row.DeploymentDeployedAt
	}
	plan, revision := row.Plan, int32(1)
	later, err := q.NewestPlan(ctx, v.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the plan in force: %w", err)
	}
	for _, newest := range later {
		plan, revision, v.RegisteredAt = newest.Plan, newest.Revision, newest.RegisteredAt
	}
	if err := json.Unmarshal(plan, &v.Plan); err != nil {
		return nil, fmt.Errorf("decoding the plan: %w", err)
	}
	looks, err := q.LooksTaken(ctx, db.LooksTakenParams{VerificationID: v.ID, Revision: revision})
	if err != nil {
		return nil, fmt.Errorf("counting the looks: %w", err)
	}
	v.LastLookDay, v.LooksTaken = int(looks.LastDay), int(looks.Taken)
	return &v, nil
}

// errEnded: somebody else ended the test though it is locked. It cannot happen, and must not be passed over.
var errEnded = errors.New("the test has ended already")

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
	inputs, err := json.Marshal(step.Inputs)
	if err != nil {
		return fmt.Errorf("encoding the inputs: %w", err)
	}
	digest := sha256.Sum256(result)
	look := db.InsertLookParams{
		AccountID: v.AccountID, VerificationID: v.ID, Revision: int32(max(1, v.Plan.Revision)), LookDay: int32(step.Taken.Day),
		AsOf: step.Taken.AsOf, Inputs: inputs, Result: result, ResultSha256: digest[:], CreatedAt: step.At,
	}
	if err := q.InsertLook(ctx, look); err != nil {
		return fmt.Errorf("storing the look: %w", err)
	}
	state := db.UpdateVerificationParams{ID: v.ID, Status: string(step.Status), Result: result, AsOf: &step.Taken.AsOf}
	if step.EventID != uuid.Nil {
		state.DecidedAt = &step.At
	}
	updated, err := q.UpdateVerification(ctx, state)
	if err == nil && updated == 0 {
		err = errEnded
	}
	if err != nil {
		return fmt.Errorf("storing the verification's state: %w", err)
	}
	if step.Next != nil {
		return s.timers.ScheduleLook(ctx, tx, *step.Next)
	}
	return s.publish(ctx, tx, v, step)
}
