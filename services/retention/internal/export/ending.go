package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/exportfile"
)

// end writes the sums, the manifest and the archive's last member.
func (s *stepper) end(ctx context.Context, b Build, r Reader, next *Step) error {
	entries, err := r.Entries(ctx)
	if err != nil {
		return err
	}
	entries = append(entries, next.Entries...) // this step's are not saved yet
	sums := exportfile.Sums(entries)
	if err := s.add(b, next, exportfile.SumsName, "", exportfile.Text, 0, sums); err != nil {
		return err
	}
	manifest, err := manifest(b, next, entries, sums)
	if err != nil {
		return err
	}
	if err := s.add(b, next, exportfile.ManifestName, "", exportfile.Text, 0, manifest); err != nil {
		return err
	}
	next.Finished = true
	return s.packer.End(&s.out)
}

func manifest(b Build, next *Step, entries []exportfile.Entry, sums []byte) ([]byte, error) {
	sum := sha256.Sum256(sums)
	m := exportfile.Manifest{
		Format: exportfile.Format, Version: exportfile.Version, ExportID: b.ID, AccountID: b.AccountID, AsOf: b.AsOf.UTC(), FinishedAt: b.Now.UTC(),
		Rows: b.Rows + next.Rows, ContentsSHA256: hex.EncodeToString(sum[:]), Entries: entries,
	}
	about := map[string]string{}
	for _, t := range Contents() {
		about[t.Name] = t.About
	}
	columns := map[string][]string{}
	for i, t := range b.Plan.Tables {
		m.Tables = append(m.Tables, exportfile.Table{Name: t.Name, About: about[t.Name], Rows: next.Progress.Done[i], Columns: t.Columns, Omitted: t.Omitted})
		for _, c := range t.Columns {
			columns[t.Name] = append(columns[t.Name], c.Name)
		}
	}
	for i := range entries {
		entries[i].Columns = columns[entries[i].Table]
	}
	reasons := LeftOut()
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		m.LeftOut = append(m.LeftOut, exportfile.LeftOut{Name: name, Why: reasons[name]})
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

const readmeText = `Everything that Specter has of your account
===========================================

As of %s. What came later is not in here. What was changed
or removed while the archive was being made is as it was when it was read.
Signals that had been accepted at that time, but were still on their way into
the database, may be missing.

json/   every table, one JSON object a line (JSON Lines, UTF-8)
csv/    the same rows for spreadsheets (RFC 4180, UTF-8, a header in each file)

A large table has more than one file: signals.jsonl, signals.part2.jsonl, …
Times are in UTC (RFC 3339). Numbers have as many digits as are stored. In CSV
an empty cell means that there is no value, and "" an empty text; lists and
documents are JSON.

So that spreadsheets do not run a text as a formula, a CSV cell that begins with
= + - @ (also in their wide forms), a tab, a line break or an apostrophe has one
more apostrophe in front. To get the text, take one off. JSON has it as it is.

Is it complete?
    sha256sum --check SHA256SUMS          (after unpacking)
    specter export verify ARCHIVE.tar.gz  (without unpacking)
manifest.json lists every file with its rows, bytes and SHA-256, and the columns
of every table.

Secrets are not in here: of keys, tokens and links there are the first
characters, and of passwords nothing, for Specter does not have them.

Tables
------
%s
Not in here
-----------
%s`

// readme is the archive's first file.
func readme(b Build, plan *Plan) []byte {
	about := map[string]string{}
	for _, t := range Contents() {
		about[t.Name] = t.About
	}
	var tables, left strings.Builder
	for _, t := range plan.Tables {
		fmt.Fprintf(&tables, "%s\n    %s\n", t.Name, about[t.Name])
		if len(t.Omitted) > 0 {
			fmt.Fprintf(&tables, "    Without: %s.\n", strings.Join(t.Omitted, ", "))
		}
	}
	reasons := LeftOut()
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(&left, "%s\n    %s\n", name, reasons[name])
	}
	return fmt.Appendf(nil, readmeText, b.AsOf.UTC().Format(time.RFC3339), tables.String(), left.String())
}
