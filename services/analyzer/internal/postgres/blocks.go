package postgres

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

func queueBlocks(round *pgx.Batch, account uuid.UUID, blocks []signal.Block) {
	for _, b := range blocks {
		round.Queue(`INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types,
				ids, client_ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads, payload_bytes, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
			account, b.ProductID, b.ContextID, b.ID, b.FirstAt, b.LastAt, b.N, b.Types,
			uuids(b.IDs), clients(b.ClientIDs), b.AtMicros, b.Delays, b.TypeNos, b.Sessions, b.SessionNos, b.Flags, b.Payloads, len(b.Payloads), b.StoredAt)
	}
}

// present is an id as the driver encodes it without reflection.
func present(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// uuids are ids likewise, null for those that are none.
func uuids(ids []uuid.UUID) pgtype.FlatArray[pgtype.UUID] {
	out := make(pgtype.FlatArray[pgtype.UUID], len(ids))
	for i, id := range ids {
		out[i] = pgtype.UUID{Bytes: id, Valid: id != uuid.Nil}
	}
	return out
}

// clients is nil when nobody sent an id.
func clients(ids []uuid.UUID) pgtype.FlatArray[pgtype.UUID] {
	for _, id := range ids {
		if id != uuid.Nil {
			return uuids(ids)
		}
	}
	return nil
}

// blockColumns of signal_blocks as b are what scanBlock reads.
const blockColumns = `b.block_id, b.product_id, b.context_id, b.first_at, b.last_at, b.n, b.types, b.ids, b.client_ids, b.at_us, b.delay_us,
	b.type_nos, b.sessions, b.session_nos, b.flags, b.payloads::text, b.created_at`

func scanBlock(row pgx.CollectableRow) (signal.Block, error) {
	var b signal.Block
	var ids, clients pgtype.FlatArray[pgtype.UUID]
	err := row.Scan(&b.ID, &b.ProductID, &b.ContextID, &b.FirstAt, &b.LastAt, &b.N, &b.Types, &ids, &clients, &b.AtMicros, &b.Delays,
		&b.TypeNos, &b.Sessions, &b.SessionNos, &b.Flags, &b.Payloads, &b.StoredAt)
	b.IDs, b.ClientIDs = make([]uuid.UUID, len(ids)), make([]uuid.UUID, len(ids))
	for i, id := range ids {
		b.IDs[i] = id.Bytes
	}
	for i, id := range clients[:min(len(clients), len(ids))] {
		b.ClientIDs[i] = id.Bytes
	}
	return b, err
}
