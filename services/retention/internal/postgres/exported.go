package postgres

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/exportfile"
	"github.com/draftlabs/specter/services/retention/internal/export"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

const (
	// pageRows is how many rows of a table one statement reads.
	pageRows = 500
	// pageBlocks is how many blocks of signals one look finds.
	pageBlocks = 16
	// windowBytes is about how much of recent signals one statement reads, and windowBlocks how many
	// blocks it looks ahead for it.
	windowBytes  = 4 << 20
	windowBlocks = 500
	// mergedFor is how long after its writing a block may still be merged, and more: the analyzer
	// merges what it wrote in the last 26 hours.
	mergedFor = 48 * time.Hour
)

// reader is the export.Reader of one step. Every statement names the account: the policies by which
// retention purges show it expired rows of others.
type reader struct {
	tx    pgx.Tx
	build export.Build
}

const columnsSQL = `
SELECT c.relname::text, a.attname::text,
       CASE WHEN t.typcategory = 'A' THEN e.typname || '[]' ELSE t.typname END::text,
       coalesce(array_position(i.indkey::smallint[], a.attnum), -1)::int
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname = ANY ($1)
ORDER BY c.relname, a.attnum`

type described struct {
	Table, Column, Type string
	KeyPlace            int
}

// Plan implements export.Reader.
func (r *reader) Plan(ctx context.Context, contents []export.Table) (*export.Plan, error) {
	names := make([]string, len(contents))
	for i, t := range contents {
		names[i] = t.Name
	}
	rows, err := r.tx.Query(ctx, columnsSQL, names)
	if err != nil {
		return nil, fmt.Errorf("reading what tables have: %w", err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[described])
	if err != nil {
		return nil, fmt.Errorf("reading what tables have: %w", err)
	}
	p := &export.Plan{Settled: r.build.AsOf.Add(-mergedFor)}
	for _, t := range contents {
		if planned := plannedOf(t, columns); len(planned.Columns) > 0 { // a table may be newer than the database
			p.Tables = append(p.Tables, planned)
		}
	}
	return p, nil
}

func plannedOf(t export.Table, all []described) export.Planned {
	out := export.Planned{Name: t.Name, Since: t.Since, Text: t.Text}
	var key []described
	for _, c := range all {
		if c.Table != t.Name {
			continue
		}
		if c.KeyPlace >= 0 {
			key = append(key, c)
		}
		switch {
		case c.Column == "account_id", strings.HasPrefix(c.Column, "block_"): // said once in the manifest; where a signal lies
		case t.Shows(c.Column):
			out.Columns = append(out.Columns, exportfile.Column{Name: c.Column, Type: c.Type})
		default:
			out.Omitted = append(out.Omitted, c.Column)
		}
	}
	if len(key) > 1 { // it is the same in every row
		key = slices.DeleteFunc(key, func(c described) bool { return c.Column == "account_id" })
	}
	slices.SortFunc(key, func(a, b described) int { return a.KeyPlace - b.KeyPlace })
	for _, c := range key {
		out.Key = append(out.Key, exportfile.Column{Name: c.Column, Type: c.Type})
	}
	if t.Name == export.Signals { // a view has no key of its own
		out.Key = []exportfile.Column{{Name: "occurred_at", Type: "timestamptz"}, {Name: "id", Type: "uuid"}}
	}
	return out
}

// Expected implements export.Reader.
func (r *reader) Expected(ctx context.Context, p *export.Plan, asOf time.Time) (total int64, err error) {
	for _, t := range p.Tables {
		q := newQuery(t, r.build.AccountID, asOf)
		text := `SELECT count(*) ` + q.from()
		if t.Name == export.Signals {
			q.args = []any{r.build.AccountID}
			text = `SELECT coalesce(sum(n), 0)::bigint FROM signal_blocks WHERE account_id = $1`
		}
		var n int64
		if err := r.tx.QueryRow(ctx, text, q.args...).Scan(&n); err != nil {
			return 0, fmt.Errorf("counting the rows of %s: %w", t.Name, err)
		}
		total += n
	}
	return total, nil
}

// query is a SELECT of a table's rows, in the making.
type query struct {
	table export.Planned
	where []string
	args  []any
}

func newQuery(t export.Planned, account uuid.UUID, asOf time.Time) *query {
	q := &query{table: t}
	q.and(pgx.Identifier{accountColumn(t.Name)}.Sanitize()+` = %s`, account)
	if t.Since != "" {
		q.and(pgx.Identifier{t.Since}.Sanitize()+` <= %s`, asOf)
	}
	return q
}

// and adds a condition; each %s in it is a parameter.
func (q *query) and(condition string, args ...any) {
	places := make([]any, len(args))
	for i, arg := range args {
		q.args = append(q.args, arg)
		places[i] = "$" + strconv.Itoa(len(q.args))
	}
	q.where = append(q.where, fmt.Sprintf(condition, places...))
}

// after goes on behind a row.
func (q *query) after(key []string) {
	if key == nil {
		return
	}
	names, places, args := make([]string, len(key)), make([]string, len(key)), make([]any, len(key))
	for i, c := range q.table.Key {
		names[i], places[i], args[i] = pgx.Identifier{c.Name}.Sanitize(), `%s::text::`+c.Type, key[i]
	}
	q.and(`(`+strings.Join(names, ", ")+`) > (`+strings.Join(places, ", ")+`)`, args...)
}

func (q *query) from() string {
	return `FROM ` + pgx.Identifier{q.table.Name}.Sanitize() + ` WHERE ` + strings.Join(q.where, " AND ")
}

// text selects the columns and then the key, in the key's order.
func (q *query) text(limit int) string {
	var selected, order []string
	for _, c := range q.table.Columns {
		name := pgx.Identifier{c.Name}.Sanitize()
		if strings.HasSuffix(c.Type, "[]") {
			name = `to_json(` + name + `)`
		}
		selected = append(selected, name)
	}
	for _, c := range q.table.Key {
		order = append(order, pgx.Identifier{c.Name}.Sanitize())
	}
	text := `SELECT ` + strings.Join(append(selected, order...), ", ") + ` ` + q.from() + ` ORDER BY ` + strings.Join(order, ", ")
	if limit > 0 {
		text += ` LIMIT ` + strconv.Itoa(limit)
	}
	return text
}

// read passes rows on, as the texts that Postgres prints, until each says stop.
func (r *reader) read(ctx context.Context, q *query, limit int, each func([][]byte) (bool, error)) (last []string, n int, stopped bool, err error) {
	// Typed results would have to be printed again.
	args := append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, q.args...)
	rows, err := r.tx.Query(ctx, q.text(limit), args...)
	if err != nil {
		return nil, 0, false, err
	}
	defer rows.Close()
	width := len(q.table.Columns)
	texts := make([]bool, width)
	for i, c := range q.table.Columns {
		texts[i] = slices.Contains(q.table.Text, c.Name)
	}
	for rows.Next() {
		values := rows.RawValues()
		for i, isText := range texts {
			if isText {
				values[i] = textOf(values[i])
			}
		}
		more, err := each(values[:width])
		if err != nil {
			return nil, n, false, err
		}
		n++
		last = last[:0]
		for _, v := range values[width:] {
			last = append(last, string(v))
		}
		if !more {
			return last, n, true, nil
		}
	}
	return last, n, false, rows.Err()
}

// textOf reads a text that is kept as bytes; bytes that are none stay as Postgres prints them.
func textOf(v []byte) []byte {
	digits, isHex := strings.CutPrefix(string(v), `\x`)
	text, err := hex.DecodeString(digits)
	if !isHex || err != nil || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return v
	}
	return text
}

// Rows implements export.Reader.
func (r *reader) Rows(ctx context.Context, t export.Planned, after []string, asOf time.Time, each func([][]byte) (bool, error)) ([]string, bool, error) {
	if len(t.Key) == 0 {
		return nil, false, fmt.Errorf("%s has no primary key to go by", t.Name)
	}
	q := newQuery(t, r.build.AccountID, asOf)
	q.after(after)
	last, n, stopped, err := r.read(ctx, q, pageRows, each)
	return last, !stopped && n < pageRows, err
}

// Entries implements export.Reader.
func (r *reader) Entries(ctx context.Context) ([]exportfile.Entry, error) {
	rows, err := db.New(r.tx).Entries(ctx, db.EntriesParams{AccountID: r.build.AccountID, ExportID: r.build.ID})
	if err != nil {
		return nil, fmt.Errorf("reading the files: %w", err)
	}
	entries := make([]exportfile.Entry, len(rows))
	for i, row := range rows {
		entries[i] = exportfile.Entry{
			Path: row.Path, Table: row.TableName, Format: row.Format, Rows: row.RowCount, Bytes: row.Bytes, SHA256: hex.EncodeToString(row.Sha256),
		}
	}
	return entries, nil
}
