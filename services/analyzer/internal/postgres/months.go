package postgres

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// monthCount is what became of the signals that a gateway received in one month.
type monthCount struct{ stored, unstored int }

// monthCounts are the signals of one account by the month in which they count against its limit:
// that in which a gateway received them. What an import brought counts against none.
type monthCounts map[time.Time]monthCount

func (m monthCounts) add(one candidate, stored bool) {
	if one.Imported {
		return
	}
	at := one.ReceivedAt.UTC()
	month := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	n := m[month]
	if stored {
		n.stored++
	} else {
		n.unstored++
	}
	m[month] = n
}

func (m monthCounts) queue(round *pgx.Batch, account uuid.UUID) {
	for month, n := range m {
		round.Queue(`INSERT INTO signal_counts AS c (account_id, month, stored, unstored) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id, month) DO UPDATE SET stored = c.stored + excluded.stored, unstored = c.unstored + excluded.unstored`,
			account, month, n.stored, n.unstored)
	}
}
