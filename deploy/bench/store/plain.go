package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// plain is the yardstick: a row a signal, as one would begin.
const plain = `CREATE TABLE plain_signals (
	id uuid PRIMARY KEY, account_id uuid NOT NULL, product_id uuid NOT NULL, context_id uuid NOT NULL, client_id uuid,
	type text NOT NULL, payload jsonb NOT NULL, occurred_at timestamptz NOT NULL, received_at timestamptz NOT NULL,
	session_id text NOT NULL, source text NOT NULL);
	CREATE INDEX plain_signals_product ON plain_signals (account_id, product_id, occurred_at)`

var plainColumns = []string{"id", "account_id", "product_id", "context_id", "client_id", "type", "payload", "occurred_at", "received_at", "session_id", "source"}

// rows makes COPY's rows of messages, before the clock runs.
func rows(batches []*eventv1.SignalBatch, products []*product) [][]any {
	contexts := make(map[uuid.UUID][16]byte)
	for _, p := range products {
		contexts[p.productID] = p.contextID
	}
	var out [][]any
	for _, b := range batches {
		for _, s := range b.GetSignals() {
			productID := [16]byte(s.GetProductId())
			var client any
			if len(s.GetClientId()) > 0 {
				client = [16]byte(s.GetClientId())
			}
			out = append(out, []any{
				[16]byte(s.GetId()), [16]byte(s.GetAccountId()), productID, contexts[productID], client, s.GetType(), s.GetPayload(),
				s.GetOccurredAt().AsTime(), s.GetReceivedAt().AsTime(), s.GetSessionId(), s.GetSource().String(),
			})
		}
	}
	return out
}

// copyRows is one COPY and its commit.
func (r *rig) copyRows(ctx context.Context, list [][]any) (time.Duration, error) {
	started := time.Now()
	n, err := r.owner.CopyFrom(ctx, pgx.Identifier{"plain_signals"}, plainColumns, pgx.CopyFromRows(list))
	if err != nil {
		return 0, fmt.Errorf("copying rows: %w", err)
	}
	if int(n) != len(list) {
		return 0, fmt.Errorf("copied %d of %d rows", n, len(list))
	}
	return time.Since(started), nil
}
