package exportfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	// Format and Version say what a manifest describes. A reader refuses a version it does not know.
	Format  = "specter-export"
	Version = 1

	ReadmeName   = "README.txt"
	SumsName     = "SHA256SUMS"
	ManifestName = "manifest.json"
)

// Forms of a file in an archive.
const (
	Text = "text"
	JSON = "jsonl"
	CSV  = "csv"
)

// Manifest tells what an archive holds.
type Manifest struct {
	Format    string    `json:"format"`
	Version   int       `json:"version"`
	ExportID  uuid.UUID `json:"export_id"`
	AccountID uuid.UUID `json:"account_id"`
	// AsOf is the moment of the request: rows that came later are left out.
	AsOf       time.Time `json:"as_of"`
	FinishedAt time.Time `json:"finished_at"`
	Rows       int64     `json:"rows"`
	Tables     []Table   `json:"tables"`
	LeftOut    []LeftOut `json:"left_out"`
	// ContentsSHA256 is the SHA-256 of the file SHA256SUMS, so of the whole list.
	ContentsSHA256 string  `json:"contents_sha256"`
	Entries        []Entry `json:"entries"`
}

// Table is a table of the account.
type Table struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Rows    int64    `json:"rows"`
	Columns []Column `json:"columns"`
	// Omitted are columns with secrets: nobody is shown them.
	Omitted []string `json:"omitted,omitempty"`
}

// LeftOut is a table that is not in the archive, and why.
type LeftOut struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Column is a column of a table with its Postgres type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Entry is a file of the archive.
type Entry struct {
	Path    string   `json:"path"`
	Table   string   `json:"table,omitempty"`
	Format  string   `json:"format"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
	Columns []string `json:"columns,omitempty"`
}

// NewEntry describes content.
func NewEntry(path, table, format string, rows int64, content []byte) Entry {
	sum := sha256.Sum256(content)
	return Entry{Path: path, Table: table, Format: format, Rows: rows, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// Path is where part n of a table lies, counted from 1.
func Path(table, format string, n int) string {
	dir := format
	if format == JSON {
		dir = "json"
	}
	if n == 1 {
		return fmt.Sprintf("%s/%s.%s", dir, table, format)
	}
	return fmt.Sprintf("%s/%s.part%d.%s", dir, table, n, format)
}

// Sums is the content of SHA256SUMS.
func Sums(entries []Entry) []byte {
	var out []byte
	for _, e := range entries {
		out = append(append(append(append(out, e.SHA256...), "  "...), e.Path...), '\n')
	}
	return out
}
