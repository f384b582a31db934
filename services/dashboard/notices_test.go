package dashboard_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/mail/mailtest"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/dashboard"
)

// usedOf is what a gateway tells of an account's month.
func (w *world) usedOf(account uuid.UUID, used, limit int64) {
	w.t.Helper()
	text, err := proto.Marshal(&catalogv1.Quota{MonthlySignalLimit: limit, Used: used})
	require.NoError(w.t, err)
	_, err = w.quotas().Put(context.Background(), event.QuotaKey(account, w.clock.Now()), text)
	require.NoError(w.t, err)
}

// noticeJobs looks at the timers of notices: how many there are, and how many of them are in a state.
func (w *world) noticeJobs(db *pgxpool.Pool, state string) (all, there int) {
	w.t.Helper()
	err := db.QueryRow(context.Background(),
		`SELECT count(*), count(*) FILTER (WHERE state::text = $1) FROM river_dashboard.river_job WHERE kind = 'dashboard.quota_notice'`, state).Scan(&all, &there)
	require.NoError(w.t, err)
	return all, there
}

func throughMails(server *mailtest.Server) func(*dashboard.Config) {
	return func(c *dashboard.Config) {
		c.Mail = mail.Settings{SMTPURL: server.URL, From: "Specter <specter@example.com>"}
	}
}

// warnedInVain is a world that has stopped while a notice waits for a mail server that was away, and is back.
func warnedInVain(t *testing.T) (*world, testkit.Tenant, dashboard.Config, *mailtest.Server) {
	t.Helper()
	var away atomic.Bool
	away.Store(true)
	server := mailtest.Start(t, mailtest.Options{Refuse: func(string) error {
		if away.Load() {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}})
	w := newStage(t)
	db, tenant := w.db.Owner(t), w.tenant()
	c := w.config()
	throughMails(server)(&c)
	stop := w.start(c, zap.NewNop())
	w.usedOf(tenant.AccountID, 800, 1000)
	testkit.Eventually(t, func() bool { _, waiting := w.noticeJobs(db, "retryable"); return waiting == 1 }, "it waits for its next attempt")
	stop()
	require.Empty(t, server.Inbox(tenant.Email))
	away.Store(false)
	return w, tenant, c, server
}

func TestANoticeWaitsForAMailServerThatIsAwayAndComesOnce(t *testing.T) {
	t.Parallel()
	w, tenant, c, server := warnedInVain(t)
	db := w.db.Owner(t)
	stop := w.start(c, zap.NewNop())
	require.Contains(t, server.Await(t, tenant.Email, 1).Text, "800 of the 1000 signals")
	w.usedOf(tenant.AccountID, 1000, 1000)
	require.Equal(t, "This month's signals are used up", server.Await(t, tenant.Email, 2).Subject)
	testkit.Eventually(t, func() bool { all, done := w.noticeJobs(db, "completed"); return all == 2 && done == 2 }, "both are done")

	// The timers once more, as after a death between a letter and the word of it, and the limit looked at anew.
	stop()
	_, err := db.Exec(t.Context(), `UPDATE river_dashboard.river_job SET state = 'available', finalized_at = NULL WHERE kind = 'dashboard.quota_notice'`)
	require.NoError(t, err)
	w.start(c, zap.NewNop())
	w.usedOf(tenant.AccountID, 1001, 1000)
	testkit.Eventually(t, func() bool { all, done := w.noticeJobs(db, "completed"); return all == 2 && done == 2 }, "both are done again")
	require.Len(t, server.Inbox(tenant.Email), 2)
}

func TestANoticeThatNobodyNeedsAnyMoreIsNotMailed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"closed":     `UPDATE accounts SET closed_at = now() WHERE id = $1`,
		"overtaken":  `INSERT INTO quota_notices (account_id, month, level, at, mailed_at) SELECT account_id, month, 'exceeded', at, at FROM quota_notices WHERE account_id = $1`,
		"next month": `UPDATE river_dashboard.river_job SET args = jsonb_set(args, '{month}', '"2026-01-01T00:00:00Z"') WHERE args->>'account_id' = $1::uuid::text`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, tenant, c, server := warnedInVain(t)
			db := w.db.Owner(t)
			_, err := db.Exec(t.Context(), change, tenant.AccountID)
			require.NoError(t, err)
			w.start(c, zap.NewNop())
			testkit.Eventually(t, func() bool { _, done := w.noticeJobs(db, "completed"); return done == 1 }, "it is done")
			require.Empty(t, server.Inbox(tenant.Email))
		})
	}
}

func TestANoticeThatIsRefusedForGoodIsGivenUp(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{Refuse: func(string) error { return &smtp.SMTPError{Code: 550, Message: "nobody of that name"} }})
	w := newWorld(t, throughMails(server))
	db, tenant := w.db.Owner(t), w.tenant()
	w.usedOf(tenant.AccountID, 1000, 1000)
	testkit.Eventually(t, func() bool { _, given := w.noticeJobs(db, "cancelled"); return given == 1 }, "it is given up")
}
