// Package importing brings history in: signals with old timestamps, sent by the owner (never by an
// ingest key) and published to the same stream as live ones.
//
//	open ──(batches; sending one again changes nothing)──▶ open ──(complete)──▶ analysing ──▶ done
//
// Completing tells the analyzer up to where the stream holds the import; it then judges the
// history hour by hour, as it would have been judged at the time.
package importing

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/storable"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

const (
	// keptMonths is how long signals are kept; older ones would be purged at once.
	keptMonths   = 24
	maxSkew      = 5 * time.Minute
	maxBatch     = 1000
	maxType      = 100
	maxSessionID = 64
	maxPayload   = 32 << 10
	maxName      = 200
)

// Import is one run of bringing history in.
type Import struct {
	ID          uuid.UUID
	ProductID   uuid.UUID
	Name        string
	Received    int64
	FirstAt     *time.Time
	LastAt      *time.Time
	CreatedAt   time.Time
	CompletedAt *time.Time
	Analysed    bool
}

// Status is open, analysing or done.
func (i Import) Status() string {
	switch {
	case i.CompletedAt == nil:
		return "open"
	case i.Received > 0 && !i.Analysed:
		return "analysing"
	default:
		return "done"
	}
}

// Signal is one historic signal. Its id decides whether it was imported before.
type Signal struct {
	ID        uuid.UUID
	Type      string
	At        time.Time
	Payload   []byte     // a JSON object, nil for none
	ContextID *uuid.UUID // nil = the product's default context
	SessionID string
}

// Batch is what is published at once.
type Batch struct {
	Account    uuid.UUID
	Product    uuid.UUID
	Import     uuid.UUID
	ReceivedAt time.Time
	Signals    []Signal
}

// Store keeps imports.
type Store interface {
	AddImport(ctx context.Context, a actor.Actor, i Import) (Import, error)
	// OpenImport also returns the ids of the product's contexts.
	OpenImport(ctx context.Context, account, id uuid.UUID) (Import, []uuid.UUID, error)
	CountImported(ctx context.Context, account, id uuid.UUID, n int, firstAt, lastAt time.Time) error
	// CompleteImport is one transaction with its event and audit row; doing it again changes nothing.
	CompleteImport(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, sequence uint64) (Import, error)
	Import(ctx context.Context, account, id uuid.UUID) (Import, error)
}

// Publisher puts signals on the stream.
type Publisher interface {
	Publish(ctx context.Context, b Batch) error // returns when they are durable
	LastSequence(ctx context.Context) (uint64, error)
}

// Scrubber removes secrets and personal data from a payload.
type Scrubber interface {
	Payload(payload []byte) ([]byte, error)
	Text(text string) string
}

// Service imports.
type Service struct {
	store     Store
	publisher Publisher
	scrubber  Scrubber
	now       func() time.Time
}

// New returns a Service.
func New(store Store, publisher Publisher, scrubber Scrubber, now func() time.Time) *Service {
	return &Service{store: store, publisher: publisher, scrubber: scrubber, now: now}
}

// Begin opens an import.
func (s *Service) Begin(ctx context.Context, a actor.Actor, product uuid.UUID, name string) (Import, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return Import{}, fault.New(fault.Invalid, "invalid_request", "A name has at most 200 characters.").With("/name", "too_long", "Shorten it.")
	}
	return s.store.AddImport(ctx, a, Import{ID: uuid.Must(uuid.NewV7()), ProductID: product, Name: name, CreatedAt: s.now()})
}

// Import reads one import.
func (s *Service) Import(ctx context.Context, a actor.Actor, id uuid.UUID) (Import, error) {
	return s.store.Import(ctx, a.Account, id)
}

// Add publishes a batch, all or nothing, and returns when it is durable.
func (s *Service) Add(ctx context.Context, a actor.Actor, id uuid.UUID, signals []Signal) (int, error) {
	imp, contexts, err := s.store.OpenImport(ctx, a.Account, id)
	if err != nil {
		return 0, err
	}
	now := s.now()
	if err := check(signals, contexts, now); err != nil {
		return 0, err
	}
	first, last := signals[0].At, signals[0].At
	for i := range signals {
		if err := s.clean(&signals[i], i); err != nil {
			return 0, err
		}
		if signals[i].At.Before(first) {
			first = signals[i].At
		}
		if signals[i].At.After(last) {
			last = signals[i].At
		}
	}
	if err := s.publisher.Publish(ctx, Batch{Account: a.Account, Product: imp.ProductID, Import: imp.ID, ReceivedAt: now, Signals: signals}); err != nil {
		return 0, err
	}
	return len(signals), s.store.CountImported(ctx, a.Account, id, len(signals), first, last)
}

// Complete ends the import and has its history judged.
func (s *Service) Complete(ctx context.Context, a actor.Actor, id uuid.UUID) (Import, error) {
	// Read after the last batch was acknowledged, so that everything is at or before it.
	sequence, err := s.publisher.LastSequence(ctx)
	if err != nil {
		return Import{}, err
	}
	return s.store.CompleteImport(ctx, a, id, s.now(), sequence)
}

// clean makes a signal fit to be kept.
func (s *Service) clean(signal *Signal, index int) error {
	signal.Type, signal.SessionID = s.scrubber.Text(storable.Text(signal.Type)), storable.Text(signal.SessionID)
	if len(signal.Payload) == 0 {
		return nil
	}
	clean, err := s.scrubber.Payload(storable.Object(signal.Payload))
	if err != nil {
		return bad(index, "/payload", "invalid_payload", "The payload cannot be kept: it nests too deeply or is not valid.")
	}
	signal.Payload = clean
	return nil
}

func check(signals []Signal, contexts []uuid.UUID, now time.Time) error {
	if len(signals) == 0 || len(signals) > maxBatch {
		return fault.Newf(fault.Invalid, "batch_too_large", "A batch holds 1 to %d signals.", maxBatch)
	}
	known := make(map[uuid.UUID]bool, len(contexts))
	for _, id := range contexts {
		known[id] = true
	}
	for i, s := range signals {
		switch n := utf8.RuneCountInString(s.Type); {
		case n == 0:
			return bad(i, "/type", "missing_type", "type is required.")
		case n > maxType:
			return bad(i, "/type", "type_too_long", "type has at most 100 characters.")
		case s.ID == uuid.Nil:
			return bad(i, "/id", "missing_id", "id is required: it makes repeating an import harmless.")
		case len(s.Payload) > maxPayload:
			return bad(i, "/payload", "payload_too_large", "A payload has at most 32 KiB.")
		case utf8.RuneCountInString(s.SessionID) > maxSessionID:
			return bad(i, "/session_id", "session_id_too_long", "session_id has at most 64 characters.")
		case s.ContextID != nil && !known[*s.ContextID]:
			return bad(i, "/context_id", "unknown_context", "The product has no such context.")
		case s.At.After(now.Add(maxSkew)):
			return bad(i, "/timestamp", "invalid_timestamp", "timestamp lies in the future.")
		case s.At.Before(now.AddDate(0, -keptMonths, 0)):
			return bad(i, "/timestamp", "invalid_timestamp", "timestamp must lie within the last 24 months.")
		}
	}
	return nil
}

func bad(index int, field, code, detail string) error {
	return fault.Newf(fault.Invalid, code, "Signal %d: %s", index, detail).With(pointer(index, field), code, detail)
}
