package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

var updateExamples = flag.Bool("update", false, "write docs/examples/proposals.md anew")

// TestExamplesAreWhatIsProposed: docs/examples/proposals.md holds, word for word, what is
// proposed to the simulated shop and to a real web server's log. Days differ with every run.
func TestExamplesAreWhatIsProposed(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	// The shop's history ends on a Monday: the same weekdays make the same numbers.
	monday := time.Now().UTC().Truncate(24 * time.Hour)
	for monday.Weekday() != time.Monday {
		monday = monday.AddDate(0, 0, -1)
	}
	runSpecter(t, s, "demo", "--until", monday.Format(time.DateOnly))
	log := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Web server"}).Product.Id
	path, lines := webServerLog(t)
	runSpecter(t, s, "import", "--product", log.String(), "--format", "combined", path)

	shop := proposalsOf(t, s, productNamed(t, s, "Demo shop"), 3)
	families := []string{}
	for _, p := range shop {
		families = append(families, p.Family)
	}
	require.Equal(t, []string{"broken_release", "ratio_worsening", "silence"}, families, "each of the shop's troubles once, and nothing else")
	written := proposalsOf(t, s, log, 0)

	document := examples(shop, written, judgements(t, s, log), lines)
	file := filepath.Join("..", "..", "docs", "examples", "proposals.md")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	if os.Getenv("SPECTER_DATA") == "" { // the log is another one: what was said of the page's stays
		shops, _, _ := strings.Cut(document, logHeading)
		_, logs, _ := strings.Cut(string(kept), logHeading)
		document = shops + logHeading + logs
	}
	if *updateExamples {
		require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
		return
	}
	require.Equal(t, undated(string(kept)), undated(document), "run `go test ./deploy/e2e -run TestExamplesAreWhatIsProposed -update` after a change, and read what it writes")
}

func runSpecter(t *testing.T, s *system, arguments ...string) {
	t.Helper()
	startSpecter(t, s, arguments...)()
}

// startSpecter runs a command of specter, and returns what waits for its end.
func startSpecter(t *testing.T, s *system, arguments ...string) (wait func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "specter"), append(arguments, "--url", s.URL, "--token", s.Token)...)
	cmd.Env = program.Environ()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	return func() {
		t.Helper()
		require.NoError(t, cmd.Wait(), "%s", &out)
	}
}

func productNamed(t *testing.T, s *system, name string) uuid.UUID {
	t.Helper()
	for _, p := range call[api.ProductPage](t, s, http.MethodGet, "/api/v1/products", nil).Items {
		if p.Name == name {
			return p.Id
		}
	}
	t.Fatalf("no product %q", name)
	return uuid.Nil
}

// proposalsOf waits until there are as many, all contexts are judged, and none changes any
// more; the one that was noticed first comes first.
func proposalsOf(t *testing.T, s *system, product uuid.UUID, least int) []api.Proposal {
	t.Helper()
	var all []api.Proposal
	var last string
	var since time.Time
	program.Await(t, 90*time.Second, fmt.Sprintf("%d proposals that stay as they are", least), func() bool {
		all = call[api.ProposalPage](t, s, http.MethodGet, "/api/v1/products/"+product.String()+"/proposals?limit=100", nil).Items
		now := fmt.Sprint(len(judgements(t, s, product)))
		for _, p := range all {
			now += p.ContentHash
		}
		if now != last {
			last, since = now, time.Now()
		}
		return len(all) >= least && len(judgements(t, s, product)) > 0 && time.Since(since) > 4*time.Second
	})
	slices.SortFunc(all, func(a, b api.Proposal) int { return a.DetectedAt.Compare(*b.DetectedAt) })
	return all
}

// judgements are what the last analysis of each context with signals says.
func judgements(t *testing.T, s *system, product uuid.UUID) (out []string) {
	t.Helper()
	for _, c := range call[api.ContextPage](t, s, http.MethodGet, "/api/v1/products/"+product.String()+"/contexts", nil).Items {
		if page := call[api.AnalysisPage](t, s, http.MethodGet, "/api/v1/contexts/"+c.Id.String()+"/analyses", nil); len(page.Items) > 0 {
			out = append(out, c.Name+": "+page.Items[0].Reason)
		}
	}
	return out
}

const logHeading = "## A real web server"

func examples(shop, log []api.Proposal, judged []string, lines int) string {
	var b strings.Builder
	b.WriteString("# Proposals, word for word\n\nWhat Specter proposes, as a person reads it, written by the built-in engine. After `make build`,\n" +
		"`go test ./deploy/e2e -run TestExamplesAreWhatIsProposed -update` makes this page from a run; the same test fails when the\n" +
		"product would say something else.\n\n" +
		"## A simulated shop\n\n`specter demo` replays eight weeks. A release breaks the pay button, results of the search cannot be seen in one browser, and\n" +
		"the help widget's script is left out of a page template. Nothing in the signals says so.\n\n")
	for _, p := range shop {
		example(&b, p)
	}
	fmt.Fprintf(&b, "%s\n\n%d requests of four days, imported with `specter import --format combined`.\n\n", logHeading, lines)
	if len(log) == 0 {
		b.WriteString("Nothing is proposed. What its analyses say:\n\n")
		for _, reason := range judged {
			b.WriteString("- " + reason + "\n")
		}
	}
	for _, p := range log {
		example(&b, p)
	}
	return b.String()
}

func example(b *strings.Builder, p api.Proposal) {
	fmt.Fprintf(b, "### %s\n\n**Diagnosis**\n\n", p.Title)
	for line := range strings.SplitSeq(p.Diagnosis, "\n") {
		b.WriteString(line + "\n\n")
	}
	b.WriteString("**Suggested change**\n\n")
	for line := range strings.SplitSeq(p.SuggestedChange, "\n") {
		b.WriteString("- " + line + "\n")
	}
	i := p.PredictedImpact
	fmt.Fprintf(b, "\n**Predicted** %s from %.1f %% to %.1f %% (80 %% range %.1f to %.1f %%). **Confidence** %.2f. **Priority** %.1f.\n\n",
		strings.ReplaceAll(i.Metric, "_", " "), 100*i.Baseline, 100*i.Predicted, 100*i.Low, 100*i.High, p.Confidence, p.Priority)
}

var dates = regexp.MustCompile(`\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} `)

func undated(text string) string { return dates.ReplaceAllString(text, "") }
