package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/exportfile"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

const (
	// exportPoll is how often an export is looked at while it is made.
	exportPoll = 500 * time.Millisecond
	// partial is where a download lies until it is whole and checked.
	partial = ".part"
)

// exporting takes everything out.
func (a *app) exporting() *cobra.Command {
	var file, resume string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Take out everything the account has, as one archive",
		Long: "Makes an export of everything the account has, waits for it, downloads it and checks every file in it.\n" +
			"It is a .tar.gz with every table as JSON Lines and as CSV, a README and a manifest with checksums.\n\n" +
			"A download that is cut off goes on by itself. One that was interrupted goes on when the same command is\n" +
			"given --resume with the export's id; until it is whole it lies beside FILE, with " + partial + " at its end.\n\n" + exitCodes,
		Example: "  specter export --file everything.tar.gz\n  specter export verify everything.tar.gz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var id uuid.UUID
			if resume != "" {
				var err error
				if id, err = uuid.Parse(resume); err != nil {
					return usage(fmt.Errorf("%q is not the id of an export", resume), "`specter export list` shows the ids")
				}
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			return a.takeOut(cmd.Context(), t, id, file)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file to write; default: a name with the date, here")
	cmd.Flags().StringVar(&resume, "resume", "", "id of an export that was asked for before: download that one")
	cmd.AddCommand(a.verifyExport(), a.listExports(), a.deleteExport())
	return cmd
}

// takeOut exports to a file.
func (a *app) takeOut(ctx context.Context, t *target, id uuid.UUID, file string) error {
	export, err := begin(ctx, t, id)
	if err != nil {
		return err
	}
	if export, err = a.awaitExport(ctx, t, export); err != nil {
		return err
	}
	if file == "" {
		file = first(filepath.Base(*export.Filename), "specter-export.tar.gz") // never a path that a server chose
	}
	if err := a.download(ctx, t, export, file+partial); err != nil {
		return err
	}
	manifest, err := checkFile(file + partial)
	if err != nil {
		return notAsked(err, "delete "+file+partial+" and download it again with --resume "+export.Id.String())
	}
	if err := os.Rename(file+partial, file); err != nil {
		return failed(fmt.Errorf("giving the archive its name: %w", err), "it is whole, as "+file+partial)
	}
	if a.format == "json" {
		return a.out.json(map[string]any{"file": file, "export": export})
	}
	a.out.linef("%s %s", a.out.green("✓"), file)
	a.out.linef("  %s of %s, as of %s", exportfile.Size(*export.Bytes), plural(len(manifest.Entries), "file"), manifest.AsOf.UTC().Format(time.RFC3339))
	a.out.linef("  %s in %s, all checksums match", plural(int(manifest.Rows), "row"), plural(len(manifest.Tables), "table"))
	return nil
}

// begin asks for an export; one that is being made already is as good.
func begin(ctx context.Context, t *target, id uuid.UUID) (api.Export, error) {
	if id != uuid.Nil {
		return t.Export(ctx, id)
	}
	export, err := t.CreateExport(ctx, uuid.NewString())
	if !client.HasCode(err, "conflict") {
		return export, err
	}
	all, listErr := t.Exports(ctx)
	if listErr != nil {
		return export, listErr
	}
	for _, e := range all {
		if e.Status == api.ExportQueued || e.Status == api.ExportBuilding {
			return e, nil
		}
	}
	return export, err
}

// awaitExport waits until the archive is made.
func (a *app) awaitExport(ctx context.Context, t *target, export api.Export) (api.Export, error) {
	defer a.err.status("")
	a.err.linef("export %s", a.err.dim(export.Id.String()))
	for {
		switch export.Status {
		case api.ExportReady:
			return export, nil
		case api.ExportFailed:
			return export, failed(fmt.Errorf("the export failed: %s", printable(export.Failure.Detail)), "`specter doctor` checks the usual causes")
		case api.ExportExpired:
			return export, failed(errors.New("the export has expired"), "make another with `specter export`")
		}
		a.err.status(made(export))
		timer := time.NewTimer(exportPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return export, ctx.Err()
		case <-timer.C:
		}
		next, err := t.Export(ctx, export.Id)
		if err != nil {
			return export, err
		}
		export = next
	}
}

func made(e api.Export) string {
	if e.RowsExpected == nil {
		return "waiting for the export to begin …"
	}
	return bar(e.Rows, *e.RowsExpected) + fmt.Sprintf(" %d of about %d rows", e.Rows, *e.RowsExpected)
}

// bar shows how much of a whole is done.
func bar(done, whole int64) string {
	const width = 30
	full := 0
	if whole > 0 {
		full = int(min(width, width*done/whole))
	}
	return "[" + strings.Repeat("█", full) + strings.Repeat("·", width-full) + "]"
}

// download adds to the file what it lacks, and checks the whole.
func (a *app) download(ctx context.Context, t *target, export api.Export, path string) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return failed(fmt.Errorf("opening the file: %w", err), "name a file that can be written with --output")
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if have > *export.Bytes { // another export's
		if have, err = 0, file.Truncate(0); err != nil {
			return fmt.Errorf("emptying the file: %w", err)
		}
	}
	if err := a.fetch(ctx, t, export, file, have); err != nil {
		return err
	}
	sum, err := sumOf(file)
	if err != nil || sum == *export.Sha256 {
		return err
	}
	if have == 0 {
		return notAsked(errors.New("the archive did not arrive as it was sent"), "delete "+path+" and try again with --resume "+export.Id.String())
	}
	// What was there before was the beginning of something else.
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("emptying the file: %w", err)
	}
	if err := a.fetch(ctx, t, export, file, 0); err != nil {
		return err
	}
	if sum, err = sumOf(file); err == nil && sum != *export.Sha256 {
		err = notAsked(errors.New("the archive did not arrive as it was sent"), "delete "+path+" and try again with --resume "+export.Id.String())
	}
	return err
}

func (a *app) fetch(ctx context.Context, t *target, export api.Export, file *os.File, have int64) error {
	if _, err := file.Seek(have, io.SeekStart); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	defer a.err.status("")
	shown := time.Time{}
	err := t.Download(ctx, export, file, have, func(n int64) {
		if time.Since(shown) > 100*time.Millisecond {
			shown = time.Now()
			a.err.status(bar(n, *export.Bytes) + " " + exportfile.Size(n) + " of " + exportfile.Size(*export.Bytes))
		}
	})
	if err != nil && ctx.Err() == nil {
		a.err.linef("what came is kept: go on with: %s export --resume %s", a.Program, export.Id)
	}
	return err
}

func sumOf(file *os.File) (string, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func checkFile(path string) (exportfile.Manifest, error) {
	file, err := os.Open(path)
	if err != nil {
		return exportfile.Manifest{}, fmt.Errorf("opening the archive: %w", err)
	}
	defer file.Close()
	return exportfile.Verify(file)
}

func (a *app) verifyExport() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an archive against its manifest, without a server",
		Long: "Reads an archive and checks that every file of its manifest is there with the rows, the size and the SHA-256\n" +
			"that it had, and that nothing was added. It asks no server. Exit code 5 means that the archive is damaged.\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			manifest, err := checkFile(args[0])
			switch {
			case errors.Is(err, exportfile.ErrDamaged):
				return notAsked(err, "download it again; `specter export list` shows what there is")
			case err != nil:
				return failed(err, "name the archive that `specter export` wrote")
			}
			if a.format == "json" {
				manifest.Entries = nil // a list that may be long, and that was found to be right
				return a.out.json(manifest)
			}
			a.out.linef("%s %s is whole: %s, %s, as of %s", a.out.green("✓"), args[0], plural(len(manifest.Entries), "file"), plural(int(manifest.Rows), "row"), manifest.AsOf.UTC().Format(time.RFC3339))
			rows := [][]string{{"TABLE", "ROWS"}}
			for _, table := range manifest.Tables {
				rows = append(rows, []string{printable(table.Name), fmt.Sprint(table.Rows)})
			}
			a.out.table(rows)
			return nil
		},
	}
}

func (a *app) listExports() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the account's exports, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			all, err := t.Exports(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(append([]api.Export{}, all...))
			}
			if len(all) == 0 {
				a.out.line("there are no exports: make one with `specter export`")
				return nil
			}
			rows := [][]string{{"ID", "STATUS", "AS OF", "SIZE", "EXPIRES"}}
			for _, e := range all {
				bytes := "–"
				if e.Bytes != nil && e.Status == api.ExportReady {
					bytes = exportfile.Size(*e.Bytes)
				}
				rows = append(rows, []string{e.Id.String(), string(e.Status), minute(&e.RequestedAt), bytes, first(expires(e), "–")})
			}
			a.out.table(rows)
			return nil
		},
	}
}

func expires(e api.Export) string {
	if e.Status != api.ExportReady {
		return ""
	}
	return minute(e.ExpiresAt)
}

func (a *app) deleteExport() *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID",
		Short: "Delete an export, or stop making it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return usage(fmt.Errorf("%q is not the id of an export", args[0]), "`specter export list` shows the ids")
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			if err := t.DeleteExport(cmd.Context(), id); err != nil {
				return err
			}
			if a.format != "json" {
				a.out.linef("%s deleted", a.out.green("✓"))
			}
			return nil
		},
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
