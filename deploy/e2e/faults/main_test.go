package faults

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/oracle"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
)

// mode is how much is done: the counts of the matrix, or less.
var mode = os.Getenv("SPECTER_FAULTS")

// results are the rows so far, for the table at the end.
var results struct {
	mu   sync.Mutex
	rows []*row
}

func TestMain(m *testing.M) {
	switch mode {
	case "":
		mode = "short"
	case "full", "short":
	default:
		fmt.Fprintf(os.Stderr, "SPECTER_FAULTS is %q, it must be full or short\n", mode)
		os.Exit(2)
	}
	began := time.Now()
	code := m.Run()
	printTable(time.Since(began))
	if listing := flag.Lookup("test.list").Value.String() != ""; len(results.rows) == 0 && code == 0 && !listing {
		// A mistyped RUN must not look like a row that passed.
		fmt.Fprintln(os.Stderr, "no row of the fault matrix ran")
		code = 1
	}
	os.Exit(code)
}

// count picks the matrix's number or the smaller one.
func count[N int | int64 | time.Duration](full, short N) N {
	if mode == "full" {
		return full
	}
	return short
}

// row is one line of the table.
type row struct {
	Row     string  `json:"row"`
	What    string  `json:"what"`
	Sent    int     `json:"sent"`
	Acked   int     `json:"acked"`
	Lost    int     `json:"lost"`
	Doubled int     `json:"doubled"`
	Refused int64   `json:"refused"`
	Broken  int64   `json:"broken"`
	Seconds float64 `json:"seconds"`
	Note    string  `json:"note,omitempty"`
	Passed  bool    `json:"passed"`
}

// begin opens a row, which is printed when its test has ended.
func begin(t *testing.T, number, format string, args ...any) *row {
	t.Helper()
	r := &row{Row: number, What: fmt.Sprintf(format, args...)}
	began := time.Now()
	t.Cleanup(func() {
		r.Seconds, r.Passed = time.Since(began).Round(100*time.Millisecond).Seconds(), !t.Failed()
		line, err := json.Marshal(r)
		require.NoError(t, err)
		fmt.Println(string(line))
		results.mu.Lock()
		defer results.mu.Unlock()
		results.rows = append(results.rows, r)
	})
	return r
}

// load stops a load, adds it to the row, and requires that the server kept the contract: in every row
// whoever was refused heard so soon, and nobody was left without an answer but by a process that was
// killed (load.Plan.Breaks).
func (r *row) load(t *testing.T, run *load.Run) {
	t.Helper()
	run.Stop()
	r.Refused += run.Refused()
	r.Broken += run.Broken()
	require.Empty(t, run.Problems())
	require.Less(t, run.RefusedWithin(0.99), refusalLimit)
	require.Less(t, run.RefusedWithin(1), refusalLimit+refusalSlack)
}

// refused requires that a load met a fault during which nothing could be stored.
func (r *row) refused(t *testing.T, run *load.Run) {
	t.Helper()
	require.Positive(t, run.Refused(), "somebody must have been refused, or nothing was tested")
	r.note("503 within %s", run.RefusedWithin(1).Round(time.Millisecond))
}

// judge waits until everything is stored, and requires that nothing is lost or doubled.
func (r *row) judge(t *testing.T, from *rig.Rig) {
	t.Helper()
	r.verdict(t, from.Judge(t, mode == "short"))
}

// verdict notes what the oracle found, and requires that nothing is wrong.
func (r *row) verdict(t *testing.T, v oracle.Verdict) {
	t.Helper()
	r.Sent, r.Acked, r.Lost, r.Doubled = v.Sent, v.Acked, v.Lost, v.Doubled
	require.True(t, v.Clean(), "%+v", v)
}

// note adds a figure worth reading.
func (r *row) note(format string, args ...any) {
	if r.Note != "" {
		r.Note += ", "
	}
	r.Note += fmt.Sprintf(format, args...)
}

func printTable(took time.Duration) {
	results.mu.Lock()
	defer results.mu.Unlock()
	if len(results.rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nrow\tfault\tsent\tacknowledged\tlost\tdoubled\trefused\tbroken\tseconds\tresult\t")
	sum := struct {
		Mode    string  `json:"mode"`
		Passed  int     `json:"passed"`
		Failed  int     `json:"failed"`
		Acked   int     `json:"acked"`
		Lost    int     `json:"lost"`
		Doubled int     `json:"doubled"`
		Seconds float64 `json:"seconds"`
	}{Mode: mode, Seconds: took.Round(time.Second).Seconds()}
	for _, r := range results.rows {
		result := "passed"
		if r.Passed {
			sum.Passed++
		} else {
			sum.Failed++
			result = "FAILED"
		}
		if r.Note != "" {
			result += ": " + r.Note
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\t\n", r.Row, r.What, r.Sent, r.Acked, r.Lost, r.Doubled, r.Refused, r.Broken, r.Seconds, result)
		sum.Acked += r.Acked
		sum.Lost += r.Lost
		sum.Doubled += r.Doubled
	}
	_ = w.Flush()
	if line, err := json.Marshal(sum); err == nil {
		fmt.Printf("\n%s\n", line)
	}
}
