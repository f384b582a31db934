package retention_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/exportfile"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// ask does what the dashboard does when a person wants an export.
func (s *stage) ask(account uuid.UUID) (export uuid.UUID) {
	s.t.Helper()
	export, asOf := uuid.New(), time.Now().UTC().Truncate(time.Microsecond)
	_, err := s.owner.Exec(s.t.Context(), `INSERT INTO exports (id, account_id, requested_by, requested_at) VALUES ($1, $2, 'user:x', $3)`, export, account, asOf)
	require.NoError(s.t, err)
	_, err = bus.Publish(s.t.Context(), s.bus, event.ExportRequested, bus.Message[*eventv1.ExportRequested]{
		ID: uuid.New(), AccountID: account, Time: asOf, Body: &eventv1.ExportRequested{ExportId: export.String(), AsOf: timestamppb.New(asOf)},
	})
	require.NoError(s.t, err)
	return export
}

// exportState is "" before there is one.
func (s *stage) exportState(export uuid.UUID) (state string) {
	s.t.Helper()
	err := s.owner.QueryRow(s.t.Context(), `SELECT state FROM export_builds WHERE export_id = $1`, export).Scan(&state)
	if err != nil {
		require.ErrorIs(s.t, err, pgx.ErrNoRows)
	}
	return state
}

func (s *stage) awaitExport(export uuid.UUID, state string) {
	s.t.Helper()
	testkit.Eventually(s.t, func() bool { return s.exportState(export) == state }, "the export is %s", state)
}

// archiveBytes puts the chunks together.
func (s *stage) archiveBytes(export uuid.UUID) []byte {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), `SELECT first_byte, data FROM export_chunks WHERE export_id = $1 ORDER BY first_byte`, export)
	require.NoError(s.t, err)
	chunks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		First int64
		Data  []byte
	}])
	require.NoError(s.t, err)
	var out []byte
	for _, c := range chunks {
		require.Equal(s.t, int64(len(out)), c.First, "chunks follow one another")
		out = append(out, c.Data...)
	}
	var size int64
	var sum []byte
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT bytes, sha256 FROM export_builds WHERE export_id = $1`, export).Scan(&size, &sum))
	require.Equal(s.t, int64(len(out)), size)
	want := sha256.Sum256(out)
	require.Equal(s.t, want[:], sum)
	return out
}

// archive is an export that was read.
type archive struct {
	t        testing.TB
	manifest exportfile.Manifest
	files    map[string][]byte
}

func readArchive(t testing.TB, data []byte) archive {
	t.Helper()
	manifest, err := exportfile.Verify(bytes.NewReader(data))
	require.NoError(t, err)
	a := archive{t: t, manifest: manifest, files: map[string][]byte{}}
	zipped, err := gzip.NewReader(bytes.NewReader(data)) // not the reader that it was written with
	require.NoError(t, err)
	files := tar.NewReader(zipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return a
		}
		require.NoError(t, err)
		a.files[header.Name], err = io.ReadAll(files)
		require.NoError(t, err)
	}
}

// lines are a table's rows in JSON, of all its parts.
func (a archive) lines(table string) [][]byte {
	a.t.Helper()
	var lines [][]byte
	for n := 1; ; n++ {
		text, ok := a.files[exportfile.Path(table, exportfile.JSON, n)]
		if !ok {
			require.Greater(a.t, n, 1, "%s is missing", table)
			return lines
		}
		for line := range bytes.Lines(text) {
			lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
		}
	}
}

// cells are a table's rows in CSV, of all its parts.
func (a archive) cells(table string) (header []string, records [][]string) {
	a.t.Helper()
	for n := 1; ; n++ {
		text, ok := a.files[exportfile.Path(table, exportfile.CSV, n)]
		if !ok {
			require.Greater(a.t, n, 1, "%s is missing", table)
			return header, records
		}
		all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		require.NoError(a.t, err)
		header = all[0]
		records = append(records, all[1:]...)
	}
}

// signals inserts a block of n signals that begins at a time and was stored at another.
func (s *stage) signals(who testkit.Tenant, n int, at, stored time.Time, payload func(i int) string) {
	s.t.Helper()
	ids, ats, delays, kinds, sessions, flags, payloads := make([]uuid.UUID, n), make([]int64, n), make([]int64, n), make([]int16, n), make([]int16, n), make([]int16, n), make([]string, n)
	for i := range n {
		ids[i], ats[i], delays[i], kinds[i], sessions[i], flags[i], payloads[i] = uuid.New(), int64(i), 1000, int16(1+i%2), int16(i%3), int16(i%4), payload(i)
	}
	text := "[" + strings.Join(payloads, ",") + "]"
	_, err := s.owner.Exec(s.t.Context(), `INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types, created_at, ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads, payload_bytes)
		VALUES ($1, $2, $3, gen_random_uuid(), $4, $5, $6, '{purchase,js_error}', $7, $8, $9, $10, $11, '{one,two}', $12, $13, $14::text::json, $15)`,
		who.AccountID, who.ProductID, who.ContextID, at, at.Add(time.Duration(n-1)*time.Microsecond), n, stored, ids, ats, delays, kinds, sessions, flags, text, len(text))
	require.NoError(s.t, err)
}

// fillAll puts a row into every table, and signals that can be read.
func (s *stage) fillAll(who testkit.Tenant, tables []string) {
	s.t.Helper()
	s.fill(who.AccountID, tables)
	_, err := s.owner.Exec(s.t.Context(), `DELETE FROM signal_blocks WHERE account_id = $1`, who.AccountID)
	require.NoError(s.t, err)
	s.signals(who, 3, time.Now().Add(-time.Hour), time.Now(), plainPayload)
}

func plainPayload(i int) string { return fmt.Sprintf(`{"path":"/p/%d"}`, i) }

func TestAnExportIsAnOrdinaryArchiveOfEverything(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who, other := testkit.SeedTenant(t, s.db), testkit.SeedTenant(t, s.db)
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 5 {
		s.signals(who, 700, now.AddDate(0, 0, -6).Add(time.Duration(i)*time.Hour), now.AddDate(0, 0, -5), plainPayload)
		s.signals(who, 300, now.Add(-time.Duration(i)*time.Hour-time.Minute), now, plainPayload)
		s.signals(other, 10, now.Add(-time.Hour), now, plainPayload)
	}
	s.start()
	export := s.ask(who.AccountID)
	s.awaitExport(export, "ready")
	data := s.archiveBytes(export)
	a := readArchive(t, data)

	require.Equal(t, export, a.manifest.ExportID)
	require.Equal(t, who.AccountID, a.manifest.AccountID)
	require.Len(t, a.lines("signals"), 5000)
	require.Len(t, a.lines("products"), 1)
	require.Contains(t, string(a.lines("accounts")[0]), who.Email)
	header, records := a.cells("signals")
	require.Contains(t, header, "payload")
	require.Len(t, records, 5000)
	require.Contains(t, string(a.files["README.txt"]), "Every stored signal")
	for _, e := range a.manifest.Entries {
		require.Less(t, e.Bytes, int64(9<<20), e.Path)
		if e.Table != "" {
			require.NotEmpty(t, e.Columns, e.Path)
		}
	}

	// Nobody needs a program of ours to unpack it and to see that it is whole.
	dir := t.TempDir()
	unpack := exec.CommandContext(t.Context(), "tar", "-xzf", "-", "-C", dir)
	unpack.Stdin = bytes.NewReader(data)
	out, err := unpack.CombinedOutput()
	require.NoError(t, err, string(out))
	check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = dir
	out, err = check.CombinedOutput()
	require.NoError(t, err, string(out))
	unpacked, err := filepath.Glob(dir + "/*/*")
	require.NoError(t, err)
	require.Len(t, unpacked, len(a.manifest.Entries)-1) // but for the README
}

func TestNothingOfAnotherAccountAndNoSecretIsExported(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who, other := testkit.SeedTenant(t, s.db), testkit.SeedTenant(t, s.db)
	tables := s.accountTables()
	s.loosen()
	s.fillAll(who, tables)
	s.fillAll(other, tables)
	// What retention may purge by age, it may see of everybody.
	_, err := s.owner.Exec(t.Context(), `UPDATE deliveries SET created_at = now() - interval '31 days', event_type = 'canary-' || account_id`)
	require.NoError(t, err)
	_, err = s.owner.Exec(t.Context(), `UPDATE ingest_refusals SET hour = now() - interval '91 days', code = 'canary-' || account_id`)
	require.NoError(t, err)
	secrets := s.secrets()
	// The purge of what is too old, which begins with the service, comes to them after the export.
	held, err := s.owner.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = held.Rollback(context.WithoutCancel(t.Context())) }()
	for _, table := range []string{"deliveries", "ingest_refusals"} {
		_, err = held.Exec(t.Context(), `SELECT FROM `+table+` FOR UPDATE`)
		require.NoError(t, err)
	}
	s.start()
	export := s.ask(who.AccountID)
	s.awaitExport(export, "ready")
	a := readArchive(t, s.archiveBytes(export))
	require.Len(t, a.lines("deliveries"), 1)
	for path, text := range a.files {
		require.NotContains(t, string(text), other.AccountID.String(), path)
		require.NotContains(t, string(text), other.Email, path)
		for column, secret := range secrets {
			require.NotContains(t, string(text), secret, "%s holds %s", path, column)
		}
	}
	for _, table := range tables {
		for _, line := range s.texts(table, other.AccountID) {
			for path, text := range a.files {
				require.NotContains(t, string(text), line, "%s holds the other's %s", path, table)
			}
		}
	}
}

// secrets puts a value that is found again into every column that is named like a secret.
func (s *stage) secrets() map[string]string {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), `SELECT c.table_name::text, c.column_name::text, c.data_type::text FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name ~ '(hash|sealed|secret|token|csrf)' AND c.data_type IN ('bytea', 'text')
		AND c.column_name !~ '(content_hash|hint|^prev_hash|^hash)$' AND NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass('public.' || quote_ident(c.table_name)))`)
	require.NoError(s.t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Table, Column, Type string }])
	require.NoError(s.t, err)
	require.Greater(s.t, len(columns), 10)
	out := map[string]string{}
	for _, c := range columns {
		canary := strings.ReplaceAll(uuid.NewString(), "-", "")
		value := `'` + canary + `' || md5(random()::text)`
		if c.Type == "bytea" {
			value = `decode('` + canary + `' || md5(random()::text), 'hex')`
		}
		_, err := s.owner.Exec(s.t.Context(), fmt.Sprintf(`UPDATE %s SET %s = %s`, c.Table, c.Column, value))
		require.NoError(s.t, err, c.Table)
		out[c.Table+"."+c.Column] = canary
	}
	return out
}

// texts are the ids in a table's rows of an account, but for what both accounts share.
func (s *stage) texts(table string, account uuid.UUID) []string {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), `SELECT DISTINCT m[1] FROM `+table+` x, regexp_matches(x::text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') AS m WHERE account_id = $1`, account)
	require.NoError(s.t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	return ids
}

func TestWhatComesAfterTheRequestIsLeftOutWhileDataIsWritten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 40 {
		s.signals(who, 500, now.Add(-time.Duration(i)*30*time.Minute-time.Minute), now.Add(-time.Second), func(i int) string {
			return fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", 700))
		})
	}
	export := s.ask(who.AccountID)
	s.start()
	// The analyzer's merge: blocks become other blocks while they are exported, and new ones come.
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() { written <- s.disturb(ctx, who) }()
	s.awaitExport(export, "ready")
	cancel()
	require.NoError(t, <-written)
	a := readArchive(t, s.archiveBytes(export))
	seen := map[string]bool{}
	for _, line := range a.lines("signals") {
		var got struct {
			ID   string
			Type string
		}
		require.NoError(t, json.Unmarshal(line, &got))
		require.False(t, seen[got.ID], "a signal is there twice")
		seen[got.ID] = true
		require.NotEqual(t, "late", got.Type)
	}
	require.Len(t, seen, 20_000)
}

// disturb repacks random blocks of an account and adds new signals until ctx ends.
func (s *stage) disturb(ctx context.Context, who testkit.Tenant) error {
	for n := 0; ; n++ {
		_, err := s.owner.Exec(ctx, `WITH taken AS (
				DELETE FROM signal_blocks WHERE account_id = $1 AND block_id IN (SELECT block_id FROM signal_blocks WHERE account_id = $1 ORDER BY random() LIMIT 1) RETURNING *
			)
			INSERT INTO signal_blocks SELECT account_id, product_id, context_id, gen_random_uuid(), first_at - make_interval(mins => $2), last_at, n, types, created_at,
				ids, client_ids, ARRAY(SELECT u + $2::bigint * 60000000 FROM unnest(at_us) WITH ORDINALITY AS x (u, i) ORDER BY i), delay_us, type_nos, sessions, session_nos, flags, payloads, payload_bytes
			FROM taken WHERE date_trunc('month', first_at - make_interval(mins => $2), 'UTC') = date_trunc('month', first_at, 'UTC')
			UNION ALL SELECT account_id, product_id, context_id, gen_random_uuid(), first_at, last_at, n, types, created_at, ids, client_ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads, payload_bytes
			FROM taken WHERE date_trunc('month', first_at - make_interval(mins => $2), 'UTC') <> date_trunc('month', first_at, 'UTC')`, who.AccountID, n%90)
		if err == nil {
			_, err = s.owner.Exec(ctx, `INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types, created_at, ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads)
				SELECT $1, $2, $3, gen_random_uuid(), now(), now(), 1, '{late}', now(), ARRAY[gen_random_uuid()], '{0}', '{1000}', '{1}', '{}', '{0}', '{0}', '[{}]'`, who.AccountID, who.ProductID, who.ContextID)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func TestAnArchiveThatWouldBeTooLargeFailsAndTakesNoRoom(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	s.config.ExportMaxBytes = 2000
	s.start()
	export := s.ask(who.AccountID)
	s.awaitExport(export, "failed")
	var failure string
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT failure FROM export_builds WHERE export_id = $1`, export).Scan(&failure))
	require.Equal(t, "too_large", failure)
	require.Zero(t, s.rows("export_chunks", who.AccountID))
	require.Zero(t, s.rows("export_entries", who.AccountID))
}

func TestAnExportIsRemovedWhenItsTimeIsOverOrItIsDeleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	s.config.ExportKeep = time.Second
	s.start()
	expires := s.ask(who.AccountID)
	s.awaitExport(expires, "expired")
	require.Zero(t, s.rows("export_chunks", who.AccountID))

	deleted := s.ask(who.AccountID)
	testkit.Eventually(t, func() bool { return s.exportState(deleted) != "" }, "it is known")
	_, err := bus.Publish(t.Context(), s.bus, event.ExportDeleted, bus.Message[*eventv1.ExportDeleted]{
		ID: uuid.New(), AccountID: who.AccountID, Time: time.Now(), Body: &eventv1.ExportDeleted{ExportId: deleted.String()},
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return s.exportState(deleted) == "" }, "it is gone")
	testkit.Eventually(t, func() bool { return s.rows("export_chunks", who.AccountID) == 0 }, "and its bytes")
}

func TestAPurgeStopsAnExportAndRemovesIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	s.start()
	ready := s.ask(who.AccountID)
	s.awaitExport(ready, "ready")
	s.answers()
	s.close(who.AccountID, time.Now())
	running := s.ask(who.AccountID) // one that is asked for at the last moment
	s.gone(who.AccountID)
	for _, table := range []string{"exports", "export_builds", "export_entries", "export_chunks"} {
		require.Zero(t, s.rows(table, who.AccountID), table)
	}
	require.Empty(t, s.exportState(running))
}

func TestEveryTableHasTheSameRowsInBothForms(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	tables := s.accountTables()
	s.loosen()
	s.fillAll(who, tables)
	s.start()
	export := s.ask(who.AccountID)
	s.awaitExport(export, "ready")
	a := readArchive(t, s.archiveBytes(export))
	for _, table := range a.manifest.Tables {
		header, records := a.cells(table.Name)
		names := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			names[i] = c.Name
		}
		require.Equal(t, names, header, table.Name)
		require.Len(t, records, len(a.lines(table.Name)), table.Name)
		require.Len(t, records, int(table.Rows), table.Name)
		if slices.Contains(tables, table.Name) {
			require.Positive(t, table.Rows, table.Name)
		}
	}
}
