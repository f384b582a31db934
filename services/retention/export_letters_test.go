package retention_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/mail/mailtest"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/retention/internal/export"
	"github.com/draftlabs/specter/services/retention/internal/postgres"
	"github.com/draftlabs/specter/services/retention/internal/timers"
)

// mails has the service send through a mail server of the test's.
func (s *stage) mails(o mailtest.Options) *mailtest.Server {
	s.t.Helper()
	server := mailtest.Start(s.t, o)
	s.config.Mail = mail.Settings{SMTPURL: server.URL, From: "Specter <specter@example.com>"}
	return server
}

// letter is the job of the only letter there is: "" before it is due.
func (s *stage) letter() (state string, attempt int) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT coalesce(max(state::text), ''), coalesce(max(attempt), 0) FROM river_retention.river_job WHERE kind = 'tell_of_export'`).
		Scan(&state, &attempt))
	return state, attempt
}

func (s *stage) awaitLetter(state string) {
	s.t.Helper()
	testkit.Eventually(s.t, func() bool { got, _ := s.letter(); return got == state }, "the letter is %s", state)
}

// builtAndKilled is an export whose builder's process died in the moment after: all that is left is in the database.
func (s *stage) builtAndKilled(account uuid.UUID) (id uuid.UUID) {
	s.t.Helper()
	pool := s.db.Pool(s.t, "specter_retention")
	setting, err := timers.New(pool, zap.NewNop(), timers.Work{})
	require.NoError(s.t, err)
	store := postgres.NewExports(pool, outbox.New("retention"), setting, s.config.ExportKeep)
	id = s.request(store, account)
	again, err := export.NewBuilder(store, export.Options{MaxBytes: s.config.ExportMaxBytes, Now: time.Now}).Run(s.t.Context(), account, id)
	require.NoError(s.t, err)
	require.False(s.t, again)
	return id
}

func TestTheOwnerIsToldOnceThatAnExportIsReady(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who, other := testkit.SeedTenant(t, s.db), testkit.SeedTenant(t, s.db)
	server := s.mails(mailtest.Options{})
	core, logs := observer.New(zapcore.DebugLevel)
	s.log = zap.New(core)
	s.start()
	id := s.ask(who.AccountID)
	got := server.Await(t, who.Email, 1)
	require.Equal(t, "Your Specter export is ready", got.Subject)
	require.Contains(t, got.Text, "https://specter.example.test/settings/data")
	require.NotContains(t, got.Text, id.String(), "a link that anybody could use would name it")
	require.Regexp(t, `one archive of \d+\.\d kB\.`, got.Text)
	var expires time.Time
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT expires_at FROM export_builds WHERE export_id = $1`, id).Scan(&expires))
	require.Contains(t, got.Text, "It is kept until "+expires.UTC().Format("2 January 2006, 15:04 MST"))
	require.Equal(t, "ready", s.exportState(id))
	s.awaitLetter("completed")

	// The timer once more, as after a death between the letter and the word of it.
	_, err := s.owner.Exec(t.Context(), `UPDATE river_retention.river_job SET state = 'available', finalized_at = NULL WHERE kind = 'tell_of_export'`)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { state, attempt := s.letter(); return state == "completed" && attempt == 2 }, "it ran again")
	// The event once more, under another id.
	_, store := s.builder()
	require.NoError(t, store.Request(t.Context(), uuid.New(), who.AccountID, id, time.Now(), time.Now()))
	_, err = s.owner.Exec(t.Context(), `UPDATE river_retention.river_job SET state = 'available', finalized_at = NULL WHERE kind = 'build_export'`)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		var open int
		err := s.owner.QueryRow(t.Context(), `SELECT count(*) FROM river_retention.river_job WHERE kind IN ('build_export', 'tell_of_export') AND state <> 'completed'`).Scan(&open)
		return err == nil && open == 0
	}, "there is nothing left to do")
	require.Len(t, server.Inbox(who.Email), 1)
	require.Empty(t, server.Inbox(other.Email))
	for _, line := range logs.All() {
		text, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "message"}).EncodeEntry(line.Entry, line.Context)
		require.NoError(t, err)
		require.NotContains(t, text.String(), who.Email)
	}
}

func TestTheOwnerIsToldThatAnExportFailedAndWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	server := s.mails(mailtest.Options{})
	s.config.ExportMaxBytes = 2000
	s.start()
	s.awaitExport(s.ask(who.AccountID), "failed")
	got := server.Await(t, who.Email, 1)
	require.Equal(t, "Your Specter export failed", got.Subject)
	require.Contains(t, got.Text, "SPECTER_EXPORT_MAX_BYTES")
	require.Contains(t, got.Text, "https://specter.example.test/settings/data")
	s.awaitLetter("completed")
	require.Len(t, server.Inbox(who.Email), 1)
}

func TestALetterSurvivesTheDeathOfItsBuilderAndAMailServerThatIsAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	var away atomic.Bool
	away.Store(true)
	server := s.mails(mailtest.Options{Refuse: func(string) error {
		if away.Load() {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}})
	s.builtAndKilled(who.AccountID)
	stop := s.start()
	testkit.Eventually(t, func() bool { state, attempt := s.letter(); return state == "retryable" || attempt > 1 }, "it is tried again")
	stop()
	require.Empty(t, server.Inbox(who.Email))

	away.Store(false)
	now := "new." + who.Email
	_, err := s.owner.Exec(t.Context(), `UPDATE accounts SET email = $2 WHERE id = $1`, who.AccountID, now)
	require.NoError(t, err)
	s.start()
	server.Await(t, now, 1)
	s.awaitLetter("completed")
	require.Len(t, server.Inbox(now), 1)
	require.Empty(t, server.Inbox(who.Email), "to where the owner is by then")
}

func TestALetterThatIsRefusedForGoodIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	s.mails(mailtest.Options{Refuse: func(string) error { return &smtp.SMTPError{Code: 550, Message: "nobody of that name"} }})
	s.start()
	s.awaitExport(s.ask(who.AccountID), "ready")
	s.awaitLetter("cancelled")
}

func TestNobodyIsToldOfAnExportWhoseAccountWasClosedMeanwhileOrThatIsGone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"closed":         `UPDATE accounts SET closed_at = now(), deletion_id = gen_random_uuid() WHERE id = $1`,
		"being purged":   `WITH d AS (INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate_id, certificate) VALUES (gen_random_uuid(), $1, now(), now() + interval '1 day', 'x', '{}') RETURNING id) UPDATE accounts SET closed_at = now() - interval '1 day', deletion_id = (SELECT id FROM d) WHERE id = $1`,
		"deleted export": `UPDATE exports SET deleted_at = now() WHERE account_id = $1`,
		"too late":       `UPDATE export_builds SET expires_at = now() WHERE account_id = $1`,
		"expired":        `UPDATE export_builds SET state = 'expired' WHERE account_id = $1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			who := testkit.SeedTenant(t, s.db)
			server := s.mails(mailtest.Options{})
			s.builtAndKilled(who.AccountID)
			_, err := s.owner.Exec(t.Context(), change, who.AccountID)
			require.NoError(t, err)
			s.start()
			s.awaitLetter("completed")
			require.Empty(t, server.Inbox(who.Email))
		})
	}
}

// Who leaves takes everything along: a closed account's page exports, until the purge.
func TestWhoExportsAClosedAccountIsToldBeforeThePurge(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	s.config.ExportKeep = 48 * time.Hour
	server := s.mails(mailtest.Options{})
	s.start()
	purge := time.Now().Add(24 * time.Hour)
	deletion := s.close(who.AccountID, purge)
	testkit.Eventually(t, func() bool { known, _ := s.state(deletion); return known }, "the deletion is noted")
	s.ask(who.AccountID)
	got := server.Await(t, who.Email, 1)
	require.Equal(t, "Your Specter export is ready", got.Subject)
	require.Contains(t, got.Text, "It is kept until "+purge.UTC().Format("2 January 2006, 15:04 MST"), "it goes with the account")
}

func TestWithoutAMailServerTheLetterIsKeptForTheOperatorOrDropped(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"kept": t.TempDir(), "dropped": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			who := testkit.SeedTenant(t, s.db)
			s.config.Mail = mail.Settings{Dir: dir}
			s.start()
			s.awaitExport(s.ask(who.AccountID), "ready")
			s.awaitLetter("completed")
			if dir == "" {
				return
			}
			kept, err := mail.NewSpool(dir, zap.NewNop()).List()
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.Equal(t, who.Email, kept[0].To)
		})
	}
}
