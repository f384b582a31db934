package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
)

// Outbox names one service's pair of tables. It holds no state.
type Outbox struct {
	service string
}

// New names the tables of service: outbox_<service> and inbox_<service>.
func New(service string) Outbox { return Outbox{service: service} }

func (o Outbox) channel() string { return "outbox_" + o.service }
func (o Outbox) table() string   { return pgx.Identifier{o.channel()}.Sanitize() }
func (o Outbox) inbox() string   { return pgx.Identifier{"inbox_" + o.service}.Sanitize() }

// Put writes m into the outbox within tx: it is published if and when tx commits. Putting the
// same id twice while the first has not been published is an error of the caller.
func Put[M proto.Message](ctx context.Context, tx pgx.Tx, o Outbox, t event.Type[M], m bus.Message[M]) error {
	msg, err := bus.Encode(ctx, t, m)
	if err != nil {
		return fmt.Errorf("writing to the outbox: %w", err)
	}
	headers := make(map[string]string, len(msg.Header))
	for key := range msg.Header {
		headers[key] = msg.Header.Get(key)
	}
	return o.insert(ctx, tx, m.ID, msg.Subject, headers, msg.Data)
}

// kvOperation is how a key-value bucket tells a deletion from a value.
const kvOperation = "KV-Operation"

// PutKV sets key of the CATALOG bucket if and when tx commits.
func (o Outbox) PutKV(ctx context.Context, tx pgx.Tx, key string, value []byte) error {
	if len(value) == 0 {
		return errors.New("writing to the outbox: an empty catalogue value")
	}
	return o.insertKV(ctx, tx, key, value, nil)
}

// DeleteKV removes key from the CATALOG bucket if and when tx commits.
func (o Outbox) DeleteKV(ctx context.Context, tx pgx.Tx, key string) error {
	return o.insertKV(ctx, tx, key, []byte{}, map[string]string{kvOperation: "DEL"})
}

func (o Outbox) insertKV(ctx context.Context, tx pgx.Tx, key string, value []byte, headers map[string]string) error {
	if key == "" || strings.ContainsAny(key, " *>\t\r\n") || strings.HasPrefix(key, ".") || strings.HasSuffix(key, ".") {
		return fmt.Errorf("writing to the outbox: %q is not a catalogue key", key)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("making an event id: %w", err)
	}
	all := map[string]string{jetstream.MsgIDHeader: id.String()}
	for name, v := range headers {
		all[name] = v
	}
	return o.insert(ctx, tx, id, event.CatalogSubject(key), all, value)
}

func (o Outbox) insert(ctx context.Context, tx pgx.Tx, id uuid.UUID, subject string, headers map[string]string, data []byte) error {
	// One round trip; the notification leaves with the commit.
	sql := `WITH put AS (INSERT INTO ` + o.table() + ` (event_id, subject, headers, data) VALUES ($1, $2, $3, $4) RETURNING 1)
		SELECT pg_notify($5, '') FROM put`
	if data == nil {
		data = []byte{} // an empty body, not NULL
	}
	if _, err := tx.Exec(ctx, sql, id, subject, headers, data, o.channel()); err != nil {
		return fmt.Errorf("writing to the outbox: %w", err)
	}
	return nil
}

// Claim marks an event as processed by consumer within tx. fresh is false when an earlier
// transaction has done so: the caller then changes nothing and returns nil. When two claim at
// once, the second waits for the first's transaction to end.
func (o Outbox) Claim(ctx context.Context, tx pgx.Tx, consumer string, eventID uuid.UUID) (fresh bool, err error) {
	sql := `INSERT INTO ` + o.inbox() + ` (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	done, err := tx.Exec(ctx, sql, consumer, eventID)
	if err != nil {
		return false, fmt.Errorf("claiming event %s: %w", eventID, err)
	}
	return done.RowsAffected() == 1, nil
}
