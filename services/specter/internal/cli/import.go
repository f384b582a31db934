package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/logimport"
)

const (
	// keepFor is how long signals live (1-product, "What it promises about data"); older
	// history would be refused, so a whole old file is moved forward instead.
	keepFor = 23 * 30 * 24 * time.Hour
	week    = 7 * 24 * time.Hour
)

// imported is what `specter import` reports.
type imported struct {
	ProductID  uuid.UUID           `json:"product_id"`
	Product    string              `json:"product"`
	Lines      int                 `json:"lines"`
	Imported   int64               `json:"imported"`
	Duplicates int64               `json:"duplicates"`
	Bad        int                 `json:"bad"`
	BadLines   []logimport.BadLine `json:"bad_lines,omitempty"`
	From       *time.Time          `json:"from,omitempty"`
	To         *time.Time          `json:"to,omitempty"`
	ShiftWeeks int                 `json:"shifted_weeks,omitempty"`
	Findings   []string            `json:"findings"`
	Judged     bool                `json:"judged"`
}

func (a *app) importing() *cobra.Command {
	var format, product, contextName, shift string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "import --format combined|csv|jsonl FILE",
		Short: "Bring in history: web-server logs or event exports",
		Long: `Brings in history from a file (- is standard input; .gz is read as it is).

  combined  access logs of Apache and nginx: status 5xx becomes http_error, 404 not_found,
            everything else page_view; programs are marked with bot:true in the payload
  csv       a header that names at least a timestamp and a type column
  jsonl     one JSON object a line: Specter signals, or exports of PostHog, Mixpanel,
            Amplitude and the like

Importing a file again changes nothing; importing a file that has grown adds its new lines.
Signals live 24 months: a file that is older is moved forward by whole weeks (--shift).

` + exitCodes,
		Example: "  specter import --format combined /var/log/nginx/access.log\n  specter import --format jsonl --product Shop events.jsonl.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(logimport.Formats(), logimport.Format(format)) {
				return usage(fmt.Errorf("unknown format %q", format), "--format takes combined, csv or jsonl")
			}
			if shift != "auto" && shift != "none" {
				return usage(fmt.Errorf("unknown --shift %q", shift), "--shift takes auto or none")
			}
			run := &importRun{app: a, input: logimport.Format(format), file: args[0], context: contextName, shift: shift == "auto", wait: wait}
			return run.do(cmd.Context(), product)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "combined, csv or jsonl")
	cmd.Flags().StringVar(&product, "product", "", "id or name of the product; a new name makes a new product (default: the file's name)")
	cmd.Flags().StringVar(&contextName, "context", "", "name of the context the signals go to (default: Web traffic for logs, the product's default otherwise)")
	cmd.Flags().StringVar(&shift, "shift", "auto", "auto: move a file older than the retention forward by whole weeks; none: never")
	cmd.Flags().DurationVar(&wait, "wait", 5*time.Minute, "how long to wait for the history to be judged; 0 does not wait")
	_ = cmd.MarkFlagRequired("format") // fails only for a flag that does not exist
	return cmd
}

type importRun struct {
	*app
	input   logimport.Format
	file    string
	context string
	shift   bool
	wait    time.Duration
	by      time.Duration // all timestamps are moved forward by this

	mu      sync.Mutex
	refused []logimport.BadLine
	count   int // of refused
}

func (r *importRun) do(ctx context.Context, productName string) error {
	t, err := r.connect()
	if err != nil {
		return err
	}
	defer t.Close()
	if productName == "" {
		productName = r.defaultProduct()
	}
	// The file is looked at before anything is created: a wrong path makes no product.
	if err := r.look(); err != nil {
		return err
	}
	product, err := t.ensureProduct(ctx, productName)
	if err != nil {
		return err
	}
	destination, err := r.destination(ctx, t, product)
	if err != nil {
		return err
	}
	before := product.SignalsTotal
	reader, closeFile, err := r.open(product.Id)
	if err != nil {
		return err
	}
	defer closeFile()
	h := &history{
		target: t, product: product.Id, name: filepath.Base(r.file),
		progress: func(n int) { r.err.status(fmt.Sprintf("%d signals sent", n)) },
		refused:  r.refuse,
	}
	result, err := h.send(ctx, r.signals(reader, destination))
	r.err.status("")
	if errors.Is(err, logimport.ErrNothingUsable) {
		bad := reader.Report().BadList[0]
		return failed(fmt.Errorf("not one line of %s is usable; line %d: %s", r.file, bad.Line, bad.Reason), "is --format "+string(r.input)+" right for this file?")
	}
	if err != nil {
		return err
	}
	return r.report(ctx, t, product, result, reader.Report(), before)
}

// defaultProduct names a product after the file, without what marks a copy of it.
func (r *importRun) defaultProduct() string {
	name := filepath.Base(r.file)
	if r.file == "-" {
		return "Imported"
	}
	for filepath.Ext(name) != "" && len(filepath.Ext(name)) <= 6 {
		name = name[:len(name)-len(filepath.Ext(name))]
	}
	if len(name) > 100 {
		name = name[:100]
	}
	return first(name, "Imported")
}

// look reads the file's timestamps to decide whether it must be moved forward.
func (r *importRun) look() error {
	if !r.shift || r.file == "-" {
		return nil
	}
	reader, closeFile, err := r.open(uuid.Nil)
	if err != nil {
		return err
	}
	defer closeFile()
	var oldest, newest time.Time
	for {
		signal, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, logimport.ErrNothingUsable) {
			return nil // told of when it is read for good
		}
		if err != nil {
			return failed(fmt.Errorf("reading %s: %w", r.file, err), "is --format "+string(r.input)+" right for this file?")
		}
		if oldest.IsZero() || signal.Time.Before(oldest) {
			oldest = signal.Time
		}
		if signal.Time.After(newest) {
			newest = signal.Time
		}
	}
	if now := r.Now(); !oldest.IsZero() && now.Sub(oldest) > keepFor {
		r.by = now.Sub(newest).Truncate(week)
	}
	return nil
}

// destination is the context all signals go to, uuid.Nil for the product's default.
func (r *importRun) destination(ctx context.Context, t *target, product api.Product) (uuid.UUID, error) {
	name := r.context
	if name == "" && r.input != logimport.Combined {
		return uuid.Nil, nil
	}
	wanted := api.NewContext{Name: name}
	if r.input == logimport.Combined {
		description := "Requests from a web server's log."
		wanted = api.NewContext{
			Name: first(name, "Web traffic"), Description: &description,
			PositiveTypes: &[]string{"page_view"}, NegativeTypes: &[]string{"http_error", "not_found"},
		}
	}
	ids, err := t.ensureContexts(ctx, product.Id, []api.NewContext{wanted})
	return ids[wanted.Name], err
}

// open opens the file for one reading.
func (r *importRun) open(product uuid.UUID) (*logimport.Reader, func(), error) {
	in := r.In
	closeFile := func() {}
	if r.file != "-" {
		file, err := os.Open(r.file)
		if err != nil {
			return nil, nil, usage(err, "give the path of a readable file, or - for standard input")
		}
		in, closeFile = file, func() { _ = file.Close() } // only read
	}
	buffered := bufio.NewReader(in)
	in = buffered
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			closeFile()
			return nil, nil, failed(fmt.Errorf("reading %s: %w", r.file, err), "the file looks like gzip but is not")
		}
		in = unzipped
	}
	reader, err := logimport.NewReader(in, logimport.Options{Format: r.input, Product: product, Now: r.Now})
	if err != nil {
		closeFile()
		return nil, nil, err
	}
	return reader, closeFile, nil
}

func (r *importRun) signals(reader *logimport.Reader, destination uuid.UUID) iter.Seq2[past, error] {
	return func(yield func(past, error) bool) {
		for {
			signal, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(past{}, err)
				return
			}
			out := api.HistoricSignal{Id: signal.ID, Type: signal.Type, Timestamp: signal.Time.Add(r.by)}
			if signal.Payload != nil {
				out.Payload = &signal.Payload
			}
			if signal.SessionID != "" {
				out.SessionId = &signal.SessionID
			}
			if to := signal.ContextID; to != uuid.Nil || destination != uuid.Nil {
				if to == uuid.Nil {
					to = destination
				}
				out.ContextId = &to
			}
			if !yield(past{signal: out, line: reader.Line()}, nil) {
				return
			}
		}
	}
}

func (r *importRun) refuse(line int, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if len(r.refused) < logimport.MaxExamples {
		r.refused = append(r.refused, logimport.BadLine{Line: line, Reason: "the server refused it: " + reason})
	}
}

func (r *importRun) report(ctx context.Context, t *target, product api.Product, result sent, read logimport.Report, before int64) error {
	out := imported{
		ProductID: product.Id, Product: product.Name, Lines: read.Lines, Bad: read.Bad + r.count,
		BadLines: append(read.BadList, r.refused...), ShiftWeeks: int(r.by / week), Findings: []string{},
	}
	if result.count > 0 {
		out.From, out.To = &result.first, &result.last
	}
	if r.wait > 0 {
		r.err.status("waiting for the history to be judged …")
		err := t.awaitJudged(ctx, result.importID, r.wait)
		r.err.status("")
		if err != nil && !errors.Is(err, errPatience) {
			return err
		}
		out.Judged = err == nil
		if out.Judged {
			findings, err := t.Findings(ctx, product.Id)
			if err != nil {
				return err
			}
			for _, f := range findings {
				out.Findings = append(out.Findings, fmt.Sprintf("%s from %s, seen %s", f.Family, f.StartedAt.Format(time.DateTime), f.DetectedAt.Format(time.DateTime)))
			}
		}
	}
	// What is new is what the product has gained; what was sent and is not new was known.
	after, err := t.Product(ctx, product.Id)
	if err != nil {
		return err
	}
	out.Imported = min(after.SignalsTotal-before, int64(result.count))
	out.Duplicates = int64(result.count) - out.Imported
	return r.print(out)
}

func (r *importRun) print(out imported) error {
	if r.format == "json" {
		return r.out.json(out)
	}
	r.out.linef("%s %d signals imported into %q (%d already there, %d bad of %d lines)",
		r.out.green("✓"), out.Imported, out.Product, out.Duplicates, out.Bad, out.Lines)
	if out.From != nil {
		r.out.linef("  from %s to %s", out.From.UTC().Format(time.DateTime), out.To.UTC().Format(time.DateTime))
	}
	if out.ShiftWeeks > 0 {
		r.out.linef("  the file is older than signals are kept, so it was moved forward by %d weeks (--shift none sends it as it is)", out.ShiftWeeks)
	}
	for _, bad := range out.BadLines {
		r.out.linef("  line %d: %s", bad.Line, printable(bad.Reason))
	}
	if more := out.Bad - len(out.BadLines); more > 0 {
		r.out.linef("  … and %d more bad lines", more)
	}
	switch {
	case !out.Judged:
		r.out.line("  the history is still being judged; findings appear in the dashboard")
	case len(out.Findings) == 0:
		r.out.line("  nothing significant was found in it")
	default:
		for _, finding := range out.Findings {
			r.out.line("  finding: " + printable(finding))
		}
	}
	return nil
}
