package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"fmt"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/exportfile"
)

// Reader reads the account's rows within a step.
type Reader interface {
	// Plan reads which columns and keys the tables of contents have; what an older schema lacks is left out.
	Plan(ctx context.Context, contents []Table) (*Plan, error)
	// Expected counts the rows that are to come.
	Expected(ctx context.Context, p *Plan, asOf time.Time) (int64, error)
	// Rows reads rows of a table from after on until each says no more. It returns the key of the last
	// row that each took, and whether the table has no further ones.
	Rows(ctx context.Context, t Planned, after []string, asOf time.Time, each func(row [][]byte) (more bool, err error)) (last []string, done bool, err error)
	// Signals does the same: those of settled blocks, or the recent ones.
	Signals(ctx context.Context, t Planned, p *Plan, recent bool, after []string, asOf time.Time, each func(row [][]byte) (more bool, err error)) (last []string, done bool, err error)
	// Entries reads what was saved, in its order.
	Entries(ctx context.Context) ([]exportfile.Entry, error)
}

// stepper makes steps, one after the other. It owns the buffers that they share.
type stepper struct {
	packer    *exportfile.Packer
	out       bytes.Buffer
	json, csv []byte

	bytes    int64 // of the archive after the latest step
	finished bool
}

func newStepper() *stepper { return &stepper{packer: exportfile.NewPacker()} }

// step adds what comes next to a build.
func (s *stepper) step(ctx context.Context, b Build, r Reader) (*Step, error) {
	s.out.Reset()
	next := &Step{Progress: b.Progress}
	work := s.proceed
	if b.Plan == nil {
		work = s.begin
	}
	if err := work(ctx, b, r, next); err != nil {
		return nil, err
	}
	return next, s.seal(b, next)
}

// begin plans, and writes what people read first.
func (s *stepper) begin(ctx context.Context, b Build, r Reader, next *Step) (err error) {
	if next.Plan, err = r.Plan(ctx, Contents()); err != nil {
		return err
	}
	if next.Expected, err = r.Expected(ctx, next.Plan, b.AsOf); err != nil {
		return err
	}
	return s.add(b, next, exportfile.ReadmeName, "", exportfile.Text, 0, readme(b, next.Plan))
}

// proceed writes files until a step is full, and after the last table the end.
func (s *stepper) proceed(ctx context.Context, b Build, r Reader, next *Step) error {
	for read := 0; read < fileBytes; {
		if next.Progress.Table == len(b.Plan.Tables) {
			return s.end(ctx, b, r, next)
		}
		name := b.Plan.Tables[next.Progress.Table].Name
		n, err := s.files(ctx, b, r, next)
		if err != nil {
			return fmt.Errorf("exporting %s: %w", name, err)
		}
		read += n
	}
	return nil
}

// files writes the next part of a table in both forms, and moves on to the next table after its end.
func (s *stepper) files(ctx context.Context, b Build, r Reader, next *Step) (bytes int, err error) {
	at := &next.Progress
	table := b.Plan.Tables[at.Table]
	s.json, s.csv = s.json[:0], exportfile.AppendCSVHeader(s.csv[:0], table.Columns)
	rows, done := int64(0), false
	for !done && s.room() {
		if done, err = s.page(ctx, b, r, table, at, &rows); err != nil {
			return 0, err
		}
	}
	if rows > 0 || at.Part == 0 { // an empty table has empty files: one sees that nothing is there
		at.Part++
		for _, f := range []struct {
			format  string
			content []byte
		}{{exportfile.JSON, s.json}, {exportfile.CSV, s.csv}} {
			if err := s.add(b, next, exportfile.Path(table.Name, f.format, at.Part), table.Name, f.format, rows, f.content); err != nil {
				return 0, err
			}
		}
	}
	at.Rows += rows
	next.Rows += rows
	if done {
		*at = Progress{Table: at.Table + 1, Done: append(slices.Clone(at.Done), at.Rows)}
	}
	return len(s.json) + len(s.csv), nil
}

func (s *stepper) room() bool { return len(s.json) < fileBytes && len(s.csv) < fileBytes }

// page reads some rows of a table into the buffers.
func (s *stepper) page(ctx context.Context, b Build, r Reader, table Planned, at *Progress, rows *int64) (done bool, err error) {
	each := func(row [][]byte) (bool, error) {
		var err error
		if s.json, err = exportfile.AppendJSON(s.json, table.Columns, row); err != nil {
			return false, err
		}
		if s.csv, err = exportfile.AppendCSV(s.csv, table.Columns, row); err != nil {
			return false, err
		}
		*rows++
		return s.room(), nil
	}
	var last []string
	if table.Name == Signals {
		last, done, err = r.Signals(ctx, table, b.Plan, at.Recent, at.After, b.AsOf, each)
	} else {
		last, done, err = r.Rows(ctx, table, at.After, b.AsOf, each)
	}
	if err != nil {
		return false, err
	}
	if last != nil {
		at.After = last
	}
	if done && table.Name == Signals && !at.Recent {
		at.Recent, at.After, done = true, nil, false
	}
	return done, nil
}

// add packs a file.
func (s *stepper) add(b Build, next *Step, path, table, format string, rows int64, content []byte) error {
	if err := s.packer.Pack(&s.out, path, b.AsOf, content); err != nil {
		return err
	}
	next.Entries = append(next.Entries, exportfile.NewEntry(path, table, format, rows, content))
	return nil
}

// seal takes the step's bytes into the hash of the archive.
func (s *stepper) seal(b Build, next *Step) error {
	sum := sha256.New()
	if len(b.Digest) > 0 {
		if err := sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(b.Digest); err != nil {
			return fmt.Errorf("going on with the hash: %w", err)
		}
	}
	_, _ = sum.Write(s.out.Bytes()) // a hash takes everything
	next.Data = s.out.Bytes()
	var err error
	if next.Digest, err = sum.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return fmt.Errorf("keeping the hash: %w", err)
	}
	s.finished = next.Finished
	if next.Finished {
		next.SHA256 = sum.Sum(nil)
	}
	s.bytes = b.Bytes + int64(len(next.Data))
	return nil
}
