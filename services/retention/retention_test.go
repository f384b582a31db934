package retention_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/disclosure"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/retention"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const secret = "0123456789abcdef0123456789abcdef"

type stage struct {
	t      testing.TB
	db     *testkit.DB
	owner  *pgxpool.Pool
	bus    *bus.Bus
	config retention.Config
	log    *zap.Logger
	ledger string
	// metrics are those of the service that was started last.
	metrics *prometheus.Registry
	// builders is the pool of exports that are built without timers.
	builders *pgxpool.Pool
}

func newStage(t testing.TB) *stage {
	t.Helper()
	db := testkit.Postgres(t)
	ledger := filepath.Join(t.TempDir(), "deletions.jsonl")
	return &stage{
		t: t, db: db, owner: db.Owner(t), bus: testkit.Bus(t), log: zap.NewNop(), ledger: ledger,
		config: retention.Config{
			Ages: retention.Ages{Months: 24}, ExportKeep: time.Hour, ExportMaxBytes: 1 << 30,
			SecretKey: secret, PublicURL: "https://specter.example.test", LedgerFile: ledger, ScrubMiB: 64,
		},
	}
}

func (s *stage) start() (stop func()) {
	s.t.Helper()
	s.metrics = prometheus.NewRegistry()
	service, err := retention.New(s.config, svcmain.Platform{
		Log: s.log, Bus: s.bus, DB: s.db.Pool(s.t, "specter_retention"), Metrics: s.metrics, Now: time.Now,
	})
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() { close(ready) }) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(s.t, <-ended)
		})
	}
	s.t.Cleanup(stop)
	<-ready
	return stop
}

// accountTables lists, independently of the service, what has an account_id.
func (s *stage) accountTables() []string {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), `
		SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND c.column_name = 'account_id' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'deletions'
		AND NOT (SELECT relispartition FROM pg_class WHERE oid = ('public.' || quote_ident(c.table_name))::regclass)
		ORDER BY 1`)
	require.NoError(s.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	require.Greater(s.t, len(tables), 20)
	return tables
}

// fill puts one row of account into every table, whatever its columns are: constraints are off.
func (s *stage) fill(account uuid.UUID, tables []string) {
	s.t.Helper()
	require.NoError(s.t, pgx.BeginFunc(s.t.Context(), s.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(s.t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		for _, table := range tables {
			rows, err := tx.Query(s.t.Context(), `
				SELECT column_name::text, data_type::text FROM information_schema.columns
				WHERE table_schema = 'public' AND table_name = $1 AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'`, table)
			if err != nil {
				return err
			}
			columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Type string }])
			if err != nil {
				return err
			}
			var names, values []string
			for _, c := range columns {
				names = append(names, pgx.Identifier{c.Name}.Sanitize())
				if c.Name == "account_id" {
					values = append(values, "'"+account.String()+"'")
				} else {
					values = append(values, anyValue(c.Type))
				}
			}
			if _, err := tx.Exec(s.t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ","), strings.Join(values, ","))); err != nil {
				return fmt.Errorf("filling %s: %w", table, err)
			}
		}
		return nil
	}))
}

func anyValue(kind string) string {
	switch kind {
	case "uuid":
		return "gen_random_uuid()"
	case "text":
		return "gen_random_uuid()::text"
	case "bytea":
		return "decode(md5(random()::text), 'hex')"
	case "json", "jsonb":
		return "'{}'"
	case "ARRAY":
		return "'{}'"
	case "date":
		return "(now() AT TIME ZONE 'UTC')::date"
	case "timestamp with time zone":
		return "now()"
	default:
		return "1"
	}
}

// loosen removes the checks of a test's own database so that fill need not know the values.
func (s *stage) loosen() {
	s.t.Helper()
	_, err := s.owner.Exec(s.t.Context(), `DO $$
		DECLARE c record;
		BEGIN
			FOR c IN SELECT conrelid::regclass AS rel, conname FROM pg_constraint
				WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conislocal AND conrelid <> 0 LOOP
				EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', c.rel, c.conname);
			END LOOP;
		END $$`)
	require.NoError(s.t, err)
}

func (s *stage) rows(table string, account uuid.UUID) (n int) {
	s.t.Helper()
	column := "account_id"
	if table == "accounts" {
		column = "id"
	}
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT count(*) FROM `+table+` WHERE `+column+` = $1`, account).Scan(&n))
	return n
}

// close is what the dashboard does when a deletion is asked for.
func (s *stage) close(account uuid.UUID, purgeAt time.Time) (deletion uuid.UUID) {
	s.t.Helper()
	deletion = uuid.New()
	_, err := s.owner.Exec(s.t.Context(), `UPDATE accounts SET closed_at = now(), deletion_id = $2 WHERE id = $1`, account, deletion)
	require.NoError(s.t, err)
	requested := purgeAt.Add(-time.Hour)
	_, err = bus.Publish(s.t.Context(), s.bus, event.AccountDeletionScheduled, bus.Message[*eventv1.AccountDeletionScheduled]{
		ID: uuid.New(), AccountID: account, Time: time.Now(),
		Body: &eventv1.AccountDeletionScheduled{DeletionId: deletion.String(), RequestedAt: timestamppb.New(requested), PurgeAt: timestamppb.New(purgeAt)},
	})
	require.NoError(s.t, err)
	return deletion
}

// state tells of a deletion that is on its way.
func (s *stage) state(deletion uuid.UUID) (known, cancelled bool) {
	s.t.Helper()
	err := s.owner.QueryRow(s.t.Context(), `SELECT true, cancelled_at IS NOT NULL FROM deletions WHERE id = $1`, deletion).Scan(&known, &cancelled)
	if err != nil {
		require.ErrorIs(s.t, err, pgx.ErrNoRows)
	}
	return known, cancelled
}

// answers has billing and the auth server answer every purge, as the dashboard does, which may be asked again.
func (s *stage) answers() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	service := bus.Consume(s.bus, event.AccountPurgeBegun, bus.ConsumerOptions{Durable: "dashboard"}, func(ctx context.Context, d bus.Delivery[*eventv1.AccountPurgeBegun]) error {
		return errors.Join(s.answer(ctx, d, "auth", "deleted"), s.answer(ctx, d, "auth", "none"), s.answer(ctx, d, "billing", "none"))
	})
	go func() { ended <- service.Run(ctx, func() {}) }()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
}

func (s *stage) answer(ctx context.Context, d bus.Delivery[*eventv1.AccountPurgeBegun], party, outcome string) error {
	_, err := bus.Publish(ctx, s.bus, event.AccountForgotten, bus.Message[*eventv1.AccountForgotten]{
		ID: uuid.New(), AccountID: d.AccountID, Time: time.Now(),
		Body: &eventv1.AccountForgotten{DeletionId: d.Body.GetDeletionId(), Party: party, Outcome: outcome},
	})
	return err
}

// gone waits until a deletion is certified and forgotten.
func (s *stage) gone(account uuid.UUID) (found erasure.Certificate) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		rows, err := s.owner.Query(s.t.Context(), `SELECT document FROM deletion_certificates`)
		if err != nil {
			return false
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, text := range texts {
			if c, _, err := erasure.Verify([]byte(text)); err == nil && c.Subject.Is(account) {
				found = c
			}
		}
		return err == nil && found.ID != "" && s.rows("deletions", account) == 0
	}, 2*time.Minute, 100*time.Millisecond, "the purge completes")
	return found
}

func TestADeletedAccountLeavesNoRowAndOthersLoseNone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	gone, stays := testkit.SeedTenant(t, s.db), testkit.SeedTenant(t, s.db)
	tables := s.accountTables()
	s.loosen()
	s.fill(gone.AccountID, tables)
	s.fill(stays.AccountID, tables)
	for _, table := range tables {
		require.Positive(t, s.rows(table, gone.AccountID), "the test put nothing into %s", table)
	}
	bucket, err := s.bus.JetStream().KeyValue(t.Context(), event.CatalogBucket)
	require.NoError(t, err)
	for _, who := range []testkit.Tenant{gone, stays} {
		for _, name := range []string{catalog.KeyName(who.KeyHash), catalog.ProductName(who.ProductID), catalog.AccountName(who.AccountID)} {
			_, err := bucket.Put(t.Context(), name, []byte((&catalogv1.Key{KeyId: "x"}).String()))
			require.NoError(t, err)
		}
	}
	s.start()
	s.answers()

	s.close(gone.AccountID, time.Now())
	certificate := s.gone(gone.AccountID)

	for _, table := range append(tables, "accounts", "deletions") {
		require.Zero(t, s.rows(table, gone.AccountID), table)
	}
	for _, table := range append(tables, "accounts") {
		require.Positive(t, s.rows(table, stays.AccountID), "%s lost another account's rows", table)
	}
	require.Len(t, certificate.Tables, len(tables)+1)
	for table, n := range certificate.Tables {
		require.Positive(t, n, table)
	}
	require.GreaterOrEqual(t, certificate.Catalog, int64(3))
	require.Equal(t, map[string]string{"billing": "none", "auth": "deleted"}, certificate.Parties)
	require.Equal(t, "https://specter.example.test", certificate.Instance)
	require.False(t, certificate.Subject.Is(stays.AccountID))
	testkit.Eventually(t, func() bool {
		keys, err := bucket.Keys(t.Context())
		return err == nil && len(keys) == 3
	}, "the gateway forgets the account and keeps the other")
	_, err = bucket.Get(t.Context(), catalog.KeyName(stays.KeyHash))
	require.NoError(t, err)
	kept, err := os.ReadFile(s.ledger)
	require.NoError(t, err)
	require.Contains(t, string(kept), certificate.ID, "a copy is kept outside the database")
	for _, trace := range []string{gone.AccountID.String(), gone.UserID.String(), gone.ProductID.String(), gone.Email} {
		require.NotContains(t, string(kept), trace)
		s.nowhere(trace)
	}
}

// nowhere looks for a text in every row of every table, the server's own statistics among them.
func (s *stage) nowhere(trace string) {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND (n.nspname <> 'pg_catalog' OR c.relname IN ('pg_statistic', 'pg_largeobject', 'pg_description'))`)
	require.NoError(s.t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	forms := []string{trace, strings.ReplaceAll(trace, "-", ""), hex.EncodeToString([]byte(trace))}
	for _, table := range all {
		var n int
		require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT count(*) FROM `+table+` r WHERE EXISTS (SELECT FROM unnest($1::text[]) f WHERE strpos(r::text, f) > 0)`, forms).Scan(&n))
		require.Zero(s.t, n, "%s is found in %s", trace, table)
	}
}

func TestADeletionCancelledInTimeTouchesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	s.start()
	deletion := s.close(who.AccountID, time.Now().Add(30*time.Minute))
	_, err := s.owner.Exec(t.Context(), `UPDATE accounts SET closed_at = NULL, deletion_id = NULL WHERE id = $1`, who.AccountID)
	require.NoError(t, err)
	_, err = bus.Publish(t.Context(), s.bus, event.AccountDeletionCancelled, bus.Message[*eventv1.AccountDeletionCancelled]{
		ID: uuid.New(), AccountID: who.AccountID, Time: time.Now(), Body: &eventv1.AccountDeletionCancelled{DeletionId: deletion.String()},
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { _, cancelled := s.state(deletion); return cancelled }, "the cancellation is noted")
	s.runPurgesNow()
	require.Equal(t, 1, s.rows("accounts", who.AccountID))
}

// runPurgesNow lets the accounts' purges run at once and waits for their end.
func (s *stage) runPurgesNow() {
	s.t.Helper()
	_, err := s.owner.Exec(s.t.Context(), `UPDATE river_retention.river_job SET scheduled_at = now() WHERE kind = 'purge_account' AND state = 'scheduled'`)
	require.NoError(s.t, err)
	testkit.Eventually(s.t, func() bool {
		var open int
		err := s.owner.QueryRow(s.t.Context(), `SELECT count(*) FROM river_retention.river_job WHERE kind = 'purge_account' AND state <> 'completed'
			AND NOT (state = 'scheduled' AND scheduled_at > now() + interval '1 minute')`).Scan(&open)
		return err == nil && open == 0
	}, "the purges have run")
}

func TestAPurgeThatComesEarlyOrForAnOpenAccountWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	early, reopened := testkit.SeedTenant(t, s.db), testkit.SeedTenant(t, s.db)
	s.start()
	first := s.close(early.AccountID, time.Now().Add(30*time.Minute))
	second := s.close(reopened.AccountID, time.Now().Add(2*time.Second))
	// The dashboard has reopened it; the event is still on its way.
	_, err := s.owner.Exec(t.Context(), `UPDATE accounts SET closed_at = NULL, deletion_id = NULL WHERE id = $1`, reopened.AccountID)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return s.rows("deletions", early.AccountID)+s.rows("deletions", reopened.AccountID) == 2 }, "both are noted")
	s.runPurgesNow()
	for _, deletion := range []uuid.UUID{first, second} {
		known, _ := s.state(deletion)
		require.True(t, known)
	}
	require.Equal(t, 1, s.rows("accounts", early.AccountID))
	require.Equal(t, 1, s.rows("accounts", reopened.AccountID))
}

func TestOldPartitionsAndRowsGoAndAReportStays(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	_, err := s.owner.Exec(t.Context(), `SELECT specter_ensure_partitions(now() - interval '25 months', now())`)
	require.NoError(t, err)
	// Those of ten days ago may still be looked up.
	var forgotten string
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT 'signal_ids_' || to_char(now() AT TIME ZONE 'UTC' - interval '11 days', 'YYYYMMDD')`).Scan(&forgotten))
	_, err = s.owner.Exec(t.Context(), `DO $$ BEGIN EXECUTE format('CREATE TABLE IF NOT EXISTS `+forgotten+` PARTITION OF signal_ids FOR VALUES FROM (%L) TO (%L)',
		(now() AT TIME ZONE 'UTC')::date - 11, (now() AT TIME ZONE 'UTC')::date - 10); END $$`)
	require.NoError(t, err)
	for _, sql := range []string{
		`INSERT INTO rollup_hourly SELECT $1, gen_random_uuid(), gen_random_uuid(), 'x', date_trunc('hour', at), 1 FROM unnest(ARRAY[now() - interval '25 months', now() - interval '23 months', now()]) at`,
		`INSERT INTO rollup_funnel_hourly SELECT $1, gen_random_uuid(), decode(repeat('00', 16), 'hex'), date_trunc('hour', at), 0, '{1,1}', at FROM unnest(ARRAY[now() - interval '25 months', now() - interval '23 months', now()]) at`,
		`INSERT INTO session_samples SELECT $1, gen_random_uuid(), gen_random_uuid(), date_trunc('hour', at), gen_random_uuid(), 0, '{}', '', at FROM unnest(ARRAY[now() - interval '3 months', now() - interval '35 days', now()]) at`,
		`INSERT INTO signal_ids SELECT $1, gen_random_uuid(), (now() AT TIME ZONE 'UTC')::date - age FROM unnest(ARRAY[0, 10, 11]) age`,
		`INSERT INTO imported_ids SELECT $1, gen_random_uuid(), at FROM unnest(ARRAY[now() - interval '25 months', now() - interval '23 months']) at`,
		`INSERT INTO idempotency_keys SELECT $1, 'op', at::text, '', 200, '', at FROM unnest(ARRAY[now() - interval '25 hours', now()]) at`,
		`INSERT INTO ingest_refusals SELECT account_id, id, date_trunc('hour', at), 'x', 1, at FROM products, unnest(ARRAY[now() - interval '91 days', now()]) at WHERE account_id = $1`,
		`INSERT INTO ingest_refusal_samples SELECT account_id, gen_random_uuid(), id, 'x', at, 'x', 1 FROM products, unnest(ARRAY[now() - interval '8 days', now()]) at WHERE account_id = $1`,
		`INSERT INTO deliveries SELECT gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), 'x', '', 'delivered', 1, at FROM unnest(ARRAY[now() - interval '31 days', now()]) at`,
	} {
		_, err := s.owner.Exec(t.Context(), sql, who.AccountID)
		require.NoError(t, err, sql)
	}
	s.start()

	var text []byte
	testkit.Eventually(t, func() bool {
		return s.owner.QueryRow(t.Context(), `SELECT report FROM purge_runs`).Scan(&text) == nil
	}, "a report is left")
	require.Equal(t, 2, s.rows("rollup_hourly", who.AccountID))
	require.Equal(t, 2, s.rows("rollup_funnel_hourly", who.AccountID))
	require.Equal(t, 2, s.rows("session_samples", who.AccountID))
	require.Equal(t, 2, s.rows("signal_ids", who.AccountID))
	require.Equal(t, 1, s.rows("imported_ids", who.AccountID))
	require.Equal(t, 1, s.rows("idempotency_keys", who.AccountID))
	require.Equal(t, 1, s.rows("deliveries", who.AccountID))
	require.Equal(t, 1, s.rows("ingest_refusals", who.AccountID))
	require.Equal(t, 1, s.rows("ingest_refusal_samples", who.AccountID))
	var report struct {
		Partitions []struct{ Name string }
		Rows       map[string]int64
		Errors     []string
	}
	require.NoError(t, json.Unmarshal(text, &report))
	require.Empty(t, report.Errors)
	require.Equal(t, map[string]int64{"imported_ids": 1, "idempotency_keys": 1, "deliveries": 1, "ingest_refusals": 1, "ingest_refusal_samples": 1}, report.Rows)
	names := []string{}
	for _, p := range report.Partitions {
		names = append(names, p.Name)
	}
	require.Contains(t, names, forgotten)
	var month string // by Postgres's calendar, whose months end where the partitions do
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT 'rollup_hourly_' || to_char(now() AT TIME ZONE 'UTC' - interval '25 months', 'YYYYMM')`).Scan(&month))
	require.Contains(t, names, month)
}

func TestPartitionsAreMadeAheadOfNeed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var next string
	err := s.owner.QueryRow(t.Context(), `SELECT 'signal_blocks_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYYMM')`).Scan(&next)
	require.NoError(t, err)
	_, err = s.owner.Exec(t.Context(), `DROP TABLE `+next)
	require.NoError(t, err)
	s.start()
	testkit.Eventually(t, func() bool {
		var there bool
		err := s.owner.QueryRow(t.Context(), `SELECT to_regclass($1) IS NOT NULL`, next).Scan(&there)
		return err == nil && there
	}, "%s is made", next)
}

// What is kept is said as it is set, and of nothing it is said that it goes sooner than it does.
func TestWhatIsKeptIsDisclosed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.config.ExportKeep, s.config.Mail.Dir = 49*time.Hour, t.TempDir()
	s.start()
	var said []disclosure.Disclosure
	testkit.Eventually(t, func() bool {
		var err error
		said, err = disclosure.Read(t.Context(), s.bus)
		return err == nil && len(said) == 1
	}, "it is told")
	require.Equal(t, []disclosure.Kept{
		{What: "ids of signals, by which a repeated one is recognised", Days: 10},
		{What: "the log of webhook deliveries, with what was sent and answered", Days: 30},
		{What: "counts of signals that were refused", Days: 90},
		{What: "cleaned samples of signals that were refused", Days: 7},
		{What: "answers kept for repeated requests", Days: 1},
		{What: "ids of imported signals, by which a repeated import is recognised", Days: 731},
		{What: "archives of exports", Days: 3},
		{What: "mail, with the links in it, which the operator passes on because there is no mail server", Days: 7},
	}, said[0].Kept)
}

func TestSettingsAreCheckedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	m := retention.Module()
	base := config.Source{"SPECTER_DATABASE_URL": "postgres://x", "SPECTER_SECRET_KEY": secret}
	require.NoError(t, m.Check(base))
	base["SPECTER_RETENTION_MONTHS"] = "25"
	require.ErrorContains(t, m.Check(base), "1 to 24")
	base["SPECTER_RETENTION_MONTHS"], base["SPECTER_DELETION_REWRITE_MIB"] = "24", "-1"
	require.ErrorContains(t, m.Check(base), "negative")
	base["SPECTER_DELETION_REWRITE_MIB"], base["SPECTER_SECRET_KEY"] = "0", "short"
	require.ErrorContains(t, m.Check(base), "SPECTER_SECRET_KEY")
}
