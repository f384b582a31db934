package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

// Resume sets a timer for every deletion that is due and has none: its purge has failed more often than a timer tries, or it
// was scheduled by a release whose timers this one does not know. late is for how long the first of all that are not over is due.
func (s *Deletions) Resume(ctx context.Context, now time.Time) (resumed int, late time.Duration, err error) {
	var due []db.DueDeletionsRow
	err = tenant.LookupTx(ctx, s.pool, tenant.Lookup{PurgesDue: now}, func(tx pgx.Tx) error {
		due, err = db.New(tx).DueDeletions(ctx, now)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("listing the deletions that are due: %w", err)
	}
	if len(due) == 0 {
		return 0, 0, nil
	}
	certificates := make([]string, len(due))
	for i, d := range due {
		certificates[i] = d.CertificateID
	}
	lost, err := s.timers.Unscheduled(ctx, certificates)
	if err != nil {
		return 0, 0, err
	}
	err = pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		for _, certificate := range lost {
			if err := s.timers.SchedulePurge(ctx, tx, certificate, now); err != nil {
				return err
			}
		}
		return nil
	})
	return len(lost), now.Sub(due[0].PurgeAt), err
}
