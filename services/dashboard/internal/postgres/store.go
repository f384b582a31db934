package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/sealed"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/idempotency"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// answers is the label under which remembered answers are sealed: they may hold secrets.
const answers = "idempotent-answer"

var errNotFound = fault.New(fault.NotFound, "not_found", "There is nothing at this address.")

// Store is what the domain stores share.
type Store struct {
	db      *pgxpool.Pool
	outbox  outbox.Outbox
	keys    *sealed.Box
	secrets *sealed.Box
	refresh *sealed.Box
	answers *sealed.Box
	github  *sealed.Box
}

// New returns a Store that seals with the operator's secret key.
func New(pool *pgxpool.Pool, o outbox.Outbox, secretKey string) (*Store, error) {
	s := &Store{db: pool, outbox: o}
	for label, box := range map[string]**sealed.Box{
		sealed.IngestKey: &s.keys, sealed.WebhookSecret: &s.secrets, sealed.RefreshToken: &s.refresh, answers: &s.answers, sealed.GitHubSecret: &s.github,
	} {
		b, err := sealed.NewBox(secretKey, label)
		if err != nil {
			return nil, fmt.Errorf("reading SPECTER_SECRET_KEY: %w", err)
		}
		*box = b
	}
	return s, nil
}

// Operator returns a Store for work that neither seals nor opens a secret.
func Operator(pool *pgxpool.Pool, o outbox.Outbox) *Store { return &Store{db: pool, outbox: o} }

// in runs fn as one account.
func (s *Store) in(ctx context.Context, account uuid.UUID, fn func(tx pgx.Tx, q *db.Queries) error) error {
	return tenant.Tx(ctx, s.db, account, func(tx pgx.Tx) error { return fn(tx, db.New(tx)) })
}

// found turns "no rows" into the answer for what does not exist here.
func found(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errNotFound
	}
	return err
}

func isAbsent(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// violates reports whether err is a violation of the named unique index or constraint.
func violates(err error, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505" && e.ConstraintName == constraint
}

type change struct {
	actor   actor.Actor
	at      time.Time
	action  string // "context.updated"
	subject string // "context"
	id      uuid.UUID
	detail  map[string]any // no secrets, no payloads
}

// audit writes who did what.
func audit(ctx context.Context, q *db.Queries, c change) error {
	if c.detail == nil {
		c.detail = map[string]any{}
	}
	detail, err := json.Marshal(c.detail)
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	err = q.InsertAudit(ctx, db.InsertAuditParams{
		AccountID: c.actor.Account, At: c.at, Actor: c.actor.Name, Action: c.action, SubjectType: c.subject, SubjectID: &c.id, Detail: detail,
	})
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// emit puts an event into the outbox.
func emit[M proto.Message](ctx context.Context, tx pgx.Tx, s *Store, t event.Type[M], a actor.Actor, at time.Time, body M) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("making an event id: %w", err)
	}
	return outbox.Put(ctx, tx, s.outbox, t, bus.Message[M]{ID: id, AccountID: a.Account, Time: at, Body: body})
}

// once runs a creating request, or returns what it returned before when the client repeats it. The
// answer is kept in the transaction that has the effect: there is never one without the other.
func once[T any](ctx context.Context, q *db.Queries, s *Store, account uuid.UUID, at time.Time, create func() (T, error)) (T, error) {
	r := idempotency.From(ctx)
	if r == nil {
		return create()
	}
	var none T
	// Two requests with one key run one after the other.
	if err := q.LockIdempotency(ctx, account.String()+" "+r.Operation+" "+r.Key); err != nil {
		return none, fmt.Errorf("locking the idempotency key: %w", err)
	}
	kept, err := q.IdempotentAnswer(ctx, db.IdempotentAnswerParams{Operation: r.Operation, Key: r.Key, Since: at.Add(-idempotency.Kept)})
	if err == nil {
		return replay[T](s, kept, r)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return none, fmt.Errorf("reading the idempotency key: %w", err)
	}
	out, err := create()
	if err != nil {
		return none, err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return none, fmt.Errorf("keeping the answer: %w", err)
	}
	if err := q.ForgetIdempotentAnswers(ctx, at.Add(-idempotency.Kept)); err != nil {
		return none, fmt.Errorf("forgetting old answers: %w", err)
	}
	err = q.StoreIdempotentAnswer(ctx, db.StoreIdempotentAnswerParams{
		AccountID: account, Operation: r.Operation, Key: r.Key, BodyHash: r.BodyHash, Response: s.answers.Seal(text), CreatedAt: at,
	})
	if err != nil {
		return none, fmt.Errorf("keeping the answer: %w", err)
	}
	return out, nil
}

func replay[T any](s *Store, kept db.IdempotentAnswerRow, r *idempotency.Request) (T, error) {
	var out T
	if !bytes.Equal(kept.BodyHash, r.BodyHash) {
		return out, idempotency.ErrMismatch
	}
	text, err := s.answers.Open(kept.Response)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return out, fmt.Errorf("repeating the answer: %w", err)
	}
	return out, nil
}
