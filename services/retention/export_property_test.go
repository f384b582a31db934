package retention_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/exportfile"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/retention/internal/export"
	"github.com/draftlabs/specter/services/retention/internal/postgres"
)

// byHand is for builders that a test runs itself: nothing waits.
type byHand struct{}

func (byHand) BuildExport(context.Context, pgx.Tx, uuid.UUID, uuid.UUID) error { return nil }

func (byHand) ExpireExport(context.Context, pgx.Tx, uuid.UUID, uuid.UUID, time.Time) error {
	return nil
}
func (byHand) TellOfExport(context.Context, pgx.Tx, uuid.UUID, uuid.UUID) error { return nil }
func (byHand) StuckExports(context.Context) (map[uuid.UUID]uuid.UUID, error)    { return nil, nil }

// builder is one without timers, and the store that it works on.
func (s *stage) builder() (*export.Builder, *postgres.Exports) {
	s.t.Helper()
	if s.builders == nil {
		s.builders = s.db.Pool(s.t, "specter_retention") // one for all of a test's: hundreds would be too many connections
	}
	store := postgres.NewExports(s.builders, outbox.New("retention"), byHand{}, time.Hour)
	return export.NewBuilder(store, export.Options{MaxBytes: 1 << 40, Now: time.Now}), store
}

// request notes an export as the consumer does.
func (s *stage) request(store *postgres.Exports, account uuid.UUID) uuid.UUID {
	s.t.Helper()
	id, now := uuid.New(), time.Now().UTC().Truncate(time.Microsecond)
	_, err := s.owner.Exec(s.t.Context(), `INSERT INTO exports (id, account_id, requested_by, requested_at) VALUES ($1, $2, 'user:x', $3)`, id, account, now)
	require.NoError(s.t, err)
	require.NoError(s.t, store.Request(s.t.Context(), uuid.New(), account, id, now, now))
	return id
}

// mortal is a store whose builder dies in one of its steps: before it, at one of its reads, when its work is done but
// not saved, or after it.
type mortal struct {
	export.Store
	kill   context.CancelFunc
	random *rand.Rand
	steps  int // that it does before
}

func (m *mortal) Step(ctx context.Context, account, id uuid.UUID, now time.Time, work func(context.Context, export.Build, export.Reader) (*export.Step, error)) (export.State, error) {
	m.steps--
	if m.steps >= 0 {
		return m.Store.Step(ctx, account, id, now, work)
	}
	switch m.random.IntN(4) {
	case 0:
		m.kill()
		return m.Store.Step(ctx, account, id, now, work)
	case 1:
		return m.Store.Step(ctx, account, id, now, func(ctx context.Context, b export.Build, r export.Reader) (*export.Step, error) {
			return work(ctx, b, &mortalReader{r, m.kill, m.random.IntN(3000)})
		})
	case 2:
		return m.Store.Step(ctx, account, id, now, func(ctx context.Context, b export.Build, r export.Reader) (*export.Step, error) {
			step, err := work(ctx, b, r)
			m.kill()
			return step, err
		})
	default:
		state, err := m.Store.Step(ctx, account, id, now, work)
		m.kill()
		return state, err
	}
}

// mortalReader kills its builder after some rows of a table.
type mortalReader struct {
	export.Reader
	kill context.CancelFunc
	rows int
}

func (r *mortalReader) count(each func(row [][]byte) (bool, error)) func(row [][]byte) (bool, error) {
	return func(row [][]byte) (bool, error) {
		if r.rows--; r.rows < 0 {
			r.kill()
		}
		return each(row)
	}
}

func (r *mortalReader) Rows(ctx context.Context, t export.Planned, after []string, asOf time.Time, each func(row [][]byte) (bool, error)) ([]string, bool, error) {
	return r.Reader.Rows(ctx, t, after, asOf, r.count(each))
}

func (r *mortalReader) Signals(ctx context.Context, t export.Planned, p *export.Plan, recent bool, after []string, asOf time.Time, each func(row [][]byte) (bool, error)) ([]string, bool, error) {
	return r.Reader.Signals(ctx, t, p, recent, after, asOf, r.count(each))
}

func TestABuilderThatDiesAtAnyMomentIsFollowedByOneThatGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	now := time.Now().UTC().Truncate(time.Second)
	pad := strings.Repeat("abcdefghij", 80)
	const older, recent = 500, 150 // of an hour
	for i := range 30 {
		s.signals(who, older, now.AddDate(0, 0, -9).Add(time.Duration(i)*time.Hour), now.AddDate(0, 0, -5), func(i int) string { return fmt.Sprintf(`{"n":%d,"pad":%q}`, i, pad) })
		s.signals(who, recent, now.Add(-time.Duration(i)*time.Hour-time.Minute), now, func(i int) string { return fmt.Sprintf(`{"n":%d,"pad":%q}`, i, pad) })
	}
	_, store := s.builder()
	id := s.request(store, who.AccountID)
	random := rand.New(rand.NewPCG(1, 2))
	deaths := 0
	for s.exportState(id) == "building" {
		ctx, kill := context.WithCancel(t.Context())
		// Another process: it knows nothing of the one before.
		builder := export.NewBuilder(&mortal{store, kill, random, random.IntN(2)}, export.Options{MaxBytes: 1 << 40, Now: time.Now})
		_, err := builder.Run(ctx, who.AccountID, id)
		require.NoError(t, err)
		if ctx.Err() != nil {
			deaths++
		}
		kill()
		require.Less(t, deaths, 1000)
	}
	require.Greater(t, deaths, 5)
	require.Equal(t, "ready", s.exportState(id))
	a := readArchive(t, s.archiveBytes(id))
	seen := map[string]bool{}
	for _, line := range a.lines("signals") {
		var got struct{ ID string }
		require.NoError(t, json.Unmarshal(line, &got))
		require.False(t, seen[got.ID])
		seen[got.ID] = true
	}
	require.Len(t, seen, 30*(older+recent))
}

// described is a column as the test sees it.
type described struct{ Name, Type string }

func (s *stage) columns(table string) []described {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), `SELECT a.attname::text, format_type(a.atttypid, -1) FROM pg_attribute a
		WHERE a.attrelid = ('public.' || quote_ident($1))::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = '' ORDER BY a.attnum`, table)
	require.NoError(s.t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[described])
	require.NoError(s.t, err)
	return columns
}

// weird are texts that formats trip over.
var weird = rapid.Custom(func(t *rapid.T) string {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n", "'", "''x", `"`, `\`, `\x41`, "NULL", "null", "a,b;c", "a\r\nb", " lead", "trail ", "\ufeffbom", "\u2028", "\u0001\u001f\u007f", "１＝", "＝1", "😀é", "</script>", "{}", "1e999"}),
		rapid.StringN(0, 40, 200),
	).Draw(t, "text")
	return strings.ReplaceAll(text, "\x00", "") // Postgres keeps none
})

// literal is a random value of a type, as Postgres reads it.
func literal(t *rapid.T, kind string) string {
	element, isArray := strings.CutSuffix(kind, "[]")
	if isArray {
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			items = append(items, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(literal(t, element))+`"`)
		}
		return "{" + strings.Join(items, ",") + "}"
	}
	switch kind {
	case "uuid":
		return uuid.NewString()
	case "boolean":
		return fmt.Sprint(rapid.Bool().Draw(t, "bool"))
	case "smallint":
		return fmt.Sprint(rapid.Int16().Draw(t, "int16"))
	case "integer":
		return fmt.Sprint(rapid.Int32().Draw(t, "int32"))
	case "bigint":
		return fmt.Sprint(rapid.Int64().Draw(t, "int64"))
	case "double precision":
		return rapid.SampledFrom([]string{"0", "-0", "1e308", "5e-324", "NaN", "Infinity", "-Infinity", "0.1", "123456789.123456789"}).Draw(t, "float")
	case "numeric":
		return rapid.SampledFrom([]string{"0", "-12345678901234567890.0123456789", "1e50"}).Draw(t, "numeric")
	case "timestamp with time zone":
		return time.Now().Add(-time.Duration(rapid.Int64Range(int64(time.Minute), int64(20*24*time.Hour)).Draw(t, "ago"))).UTC().Format(time.RFC3339Nano)
	case "date":
		return time.Now().UTC().Format(time.DateOnly)
	case "bytea":
		return fmt.Sprintf(`\x%x`, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
	case "json", "jsonb":
		text, err := json.Marshal(map[string]any{weird.Draw(t, "name"): weird.Draw(t, "value"), "n": json.Number("12345678901234567890.123"), "list": []any{nil, true, "x"}})
		require.NoError(t, err)
		return string(bytes.ReplaceAll(text, []byte(`"n":`), []byte("\n  \"n\" : ")))
	default:
		return weird.Draw(t, "text")
	}
}

func TestWhatIsExportedEqualsWhatTheDatabaseHas(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tables := s.accountTables()
	s.loosen()
	left := export.LeftOut()
	columns := map[string][]described{}
	for _, table := range tables {
		columns[table] = s.columns(table)
	}
	builder, store := s.builder()
	rapid.Check(t, func(rt *rapid.T) {
		who := testkit.SeedTenant(t, s.db)
		for _, table := range tables {
			if _, out := left[table]; out || table == "exports" || rapid.IntRange(0, 2).Draw(rt, "some") == 0 {
				continue
			}
			for range rapid.IntRange(1, 3).Draw(rt, "rows of "+table) {
				s.insertRandom(rt, table, columns[table], who.AccountID)
			}
		}
		n := rapid.IntRange(1, 5).Draw(rt, "signals")
		payloads := make([]string, n)
		for i := range payloads {
			payloads[i] = literal(rt, "json")
		}
		s.signals(who, n, time.Now().Add(-time.Duration(rapid.IntRange(1, 200).Draw(rt, "hours"))*time.Hour), time.Now().Add(-time.Duration(rapid.IntRange(1, 200).Draw(rt, "stored"))*time.Hour), func(i int) string { return payloads[i] })

		id := s.request(store, who.AccountID)
		_, err := builder.Run(t.Context(), who.AccountID, id)
		require.NoError(rt, err)
		a := readArchive(t, s.archiveBytes(id))
		for _, table := range a.manifest.Tables {
			s.requireSame(rt, a, table, who.AccountID)
		}
	})
}

func (s *stage) insertRandom(rt *rapid.T, table string, columns []described, account uuid.UUID) {
	names, places, values := []string{}, []string{}, []any{}
	for i, c := range columns {
		names = append(names, pgx.Identifier{c.Name}.Sanitize())
		places = append(places, fmt.Sprintf("$%d::text::%s", i+1, c.Type))
		if c.Name == "account_id" {
			values = append(values, account.String())
		} else {
			values = append(values, literal(rt, c.Type))
		}
	}
	require.NoError(rt, pgx.BeginFunc(s.t.Context(), s.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(s.t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(s.t.Context(), fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING`, table, strings.Join(names, ","), strings.Join(places, ",")), values...)
		return err
	}), table)
}

// withoutBodies leaves out what is text in an archive and bytes in the table; the CSV is held to it below.
func withoutBodies(rt *rapid.T, lines [][]byte) [][]byte {
	rows := make([][]byte, len(lines))
	for i, line := range lines {
		var row map[string]json.RawMessage
		require.NoError(rt, json.Unmarshal(line, &row))
		delete(row, "body")
		text, err := json.Marshal(row)
		require.NoError(rt, err)
		rows[i] = text
	}
	return rows
}

// requireSame reads the JSON of a table back into rows, which Postgres compares with its own, and holds the CSV to the JSON.
func (s *stage) requireSame(rt *rapid.T, a archive, table exportfile.Table, account uuid.UUID) {
	var names []string
	for _, c := range table.Columns {
		name := pgx.Identifier{c.Name}.Sanitize()
		switch {
		case c.Type == "json":
			name += "::jsonb"
		case table.Name == "deliveries" && c.Name == "body": // text in the archive, bytes in the table
			continue
		}
		names = append(names, name)
	}
	list := strings.Join(names, ", ")
	column := "account_id"
	if table.Name == "accounts" {
		column = "id"
	}
	lines := a.lines(table.Name)
	rows := lines
	if table.Name == "deliveries" {
		rows = withoutBodies(rt, lines)
	}
	var different int
	err := s.owner.QueryRow(s.t.Context(), fmt.Sprintf(`WITH exported AS (SELECT %[1]s FROM json_populate_recordset(NULL::%[2]s, $1::text::json)), stored AS (SELECT %[1]s FROM %[2]s WHERE %[3]s = $2)
		SELECT (SELECT count(*) FROM (SELECT * FROM exported EXCEPT ALL SELECT * FROM stored) AS a) + (SELECT count(*) FROM (SELECT * FROM stored EXCEPT ALL SELECT * FROM exported) AS b)`,
		list, table.Name, column), "["+string(bytes.Join(rows, []byte(",")))+"]", account).Scan(&different)
	require.NoError(rt, err, table.Name)
	require.Zero(rt, different, "%s differs", table.Name)

	header, records := a.cells(table.Name)
	require.Len(rt, records, len(lines))
	for i, line := range lines {
		var values map[string]json.RawMessage
		require.NoError(rt, json.Unmarshal(line, &values))
		for j, name := range header {
			require.Equal(rt, cellOf(values[name]), strings.ReplaceAll(exportfile.Unguard(records[i][j]), "\r\n", "\n"), "%s.%s", table.Name, name)
		}
	}
}

// cellOf is what a value of JSON is in CSV. A reader of CSV takes \r\n for \n, and may not tell null from "".
func cellOf(v json.RawMessage) string {
	var text string
	switch {
	case string(v) == "null":
		return ""
	case json.Unmarshal(v, &text) == nil:
		return strings.ReplaceAll(text, "\r\n", "\n")
	default:
		return string(v)
	}
}

func TestEveryTableOfAccountsIsExportedOrLeftOutForAReason(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	left := export.LeftOut()
	exported := map[string]export.Table{}
	for _, table := range export.Contents() {
		exported[table.Name] = table
		require.NotEmpty(t, table.About, table.Name)
	}
	tables := append(s.accountTables(), "accounts", "deletions")
	for _, name := range tables {
		_, in := exported[name]
		reason, out := left[name]
		require.True(t, in != out, "%s: add it to Contents or, with a reason, to LeftOut of internal/export/contents.go", name)
		require.True(t, in || len(reason) > 20, "%s is left out without a reason", name)
	}
	for name := range left {
		require.Contains(t, tables, name, "LeftOut names a table that is not there")
	}
	for name, table := range exported {
		if name == export.Signals {
			continue
		}
		require.Contains(t, tables, name, "Contents names a table that is not there")
		var all []string
		for _, c := range s.columns(name) {
			all = append(all, c.Name)
			named := slices.Contains(table.Omit, c.Name) || slices.Contains(table.Keep, c.Name)
			require.True(t, named || table.Shows(c.Name), "%s.%s is named like a secret: say in contents.go whether it is one", name, c.Name)
		}
		for _, c := range slices.Concat(table.Omit, table.Keep, table.Text) {
			require.Contains(t, all, c, "%s has no such column", name)
		}
		if table.Since != "" {
			require.Contains(t, all, table.Since, "%s has no such column", name)
		}
	}
}
