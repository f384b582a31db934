package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// deciding is as much of the dashboard as analyses and decisions need.
type deciding struct {
	product  api.Product
	context  api.Context
	proposal api.Proposal
	analysis api.Analysis
	refuse   bool // the day's analyses are used up
	asked    atomic.Pointer[api.NewAnalysis]
	polls    atomic.Int64 // until the analysis is there
	decided  atomic.Pointer[api.NewDecision]
}

func newDeciding(t *testing.T) (*deciding, config.Source) {
	t.Helper()
	p := func(x float64) *float64 { return &x }
	f := &deciding{
		product: api.Product{Id: uuid.New(), Name: "shop"}, context: api.Context{Id: uuid.New(), Name: "Checkout"},
		proposal: api.Proposal{
			Id: uuid.New(), ContextName: "Checkout", Status: api.ProposalStatusPending, Title: "Make “#pay” respond", Diagnosis: "First line.\nSecond line.", SuggestedChange: "Change.",
			Confidence: 0.9, Priority: 12.3, ContentHash: "abc", CreatedAt: now, PredictedImpact: api.PredictedImpact{Metric: "type_share", Baseline: 0.5, Predicted: 0.6, Low: 0.55, High: 0.65},
			Reopens: &api.Reopens{ProposalId: uuid.New(), Title: "Earlier", After: api.ReopensAfterImproved},
		},
		analysis: api.Analysis{
			Id: uuid.New(), AsOf: now, Outcome: api.AnalysisOutcomeFindings, Reason: "the positive ratio fell", DryRun: true, FinishedAt: now,
			Detail: &api.AnalysisDetail{Evidence: p(9.1), Threshold: p(7.5), Preview: &[]api.FindingPreview{{Family: "rage_clicks", Severity: 0.42, StartedAt: now.Add(-time.Hour), Summary: "rage clicks on #pay"}}},
		},
	}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	problem := func(w http.ResponseWriter, status int, code string) {
		w.WriteHeader(status)
		answer(w, api.Problem{Type: "x", Title: "x", Status: status, Code: code})
	}
	mux.HandleFunc("GET /api/v1/products", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, api.ProductPage{Items: []api.Product{f.product}})
	})
	mux.HandleFunc("GET /api/v1/products/{id}/contexts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, api.ContextPage{Items: []api.Context{f.context}})
	})
	mux.HandleFunc("GET /api/v1/contexts/{id}", func(w http.ResponseWriter, _ *http.Request) { answer(w, f.context) })
	mux.HandleFunc("POST /api/v1/contexts/{id}/analyses", func(w http.ResponseWriter, r *http.Request) {
		if f.refuse {
			w.Header().Set("Retry-After", "40000")
			problem(w, http.StatusTooManyRequests, "quota_exceeded")
			return
		}
		var body api.NewAnalysis
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.asked.Store(&body)
		w.WriteHeader(http.StatusAccepted)
		answer(w, api.AnalysisRequest{AnalysisId: f.analysis.Id})
	})
	mux.HandleFunc("GET /api/v1/analyses/{id}", func(w http.ResponseWriter, _ *http.Request) {
		if f.polls.Add(-1) >= 0 {
			problem(w, http.StatusNotFound, "not_found")
			return
		}
		answer(w, f.analysis)
	})
	mux.HandleFunc("GET /api/v1/products/{id}/proposals", func(w http.ResponseWriter, r *http.Request) {
		rejected := f.proposal
		rejected.Id, rejected.Status, rejected.Title = uuid.New(), api.ProposalStatusRejected, "Another"
		items := []api.Proposal{f.proposal, rejected}
		if status := r.URL.Query().Get("status"); status != "" {
			items = slices.DeleteFunc(items, func(p api.Proposal) bool { return string(p.Status) != status })
		}
		answer(w, api.ProposalPage{Items: items})
	})
	mux.HandleFunc("GET /api/v1/proposals/{id}", func(w http.ResponseWriter, _ *http.Request) { answer(w, f.proposal) })
	mux.HandleFunc("POST /api/v1/proposals/{id}/decision", func(w http.ResponseWriter, r *http.Request) {
		var body api.NewDecision
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.decided.Store(&body)
		if *body.ContentHash != f.proposal.ContentHash {
			problem(w, http.StatusPreconditionFailed, "precondition_failed")
			return
		}
		decided := f.proposal
		decided.Status = api.ProposalStatus(body.Decision)
		if body.Decision == "approved" {
			id := uuid.New()
			decided.DeploymentId = &id
		}
		answer(w, decided)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, config.Source{"SPECTER_URL": server.URL, "SPECTER_TOKEN": "spt_x"}
}

func TestADryRunSaysWhatItWouldFind(t *testing.T) {
	t.Parallel()
	f, src := newDeciding(t)
	f.polls.Store(1) // the first look is too early
	code, out, errOut := run(t, src, "analyze", "Checkout", "--dry-run", "--as-of", "2026-05-04T12:00:00Z")
	require.Zero(t, code, errOut)
	require.True(t, *f.asked.Load().DryRun)
	require.Equal(t, time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), f.asked.Load().AsOf.UTC())
	for _, want := range []string{"findings (dry run: nothing was opened)", "the positive ratio fell", "evidence 9.1 of the 7.5", "rage_clicks", "0.42", "2026-06-01 11:00 UTC", "rage clicks on #pay"} {
		require.Contains(t, out, want)
	}
	code, out, errOut = run(t, src, "analyze", f.context.Id.String(), "-o", "json")
	require.Zero(t, code, errOut)
	var got api.Analysis
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, f.analysis.Id, got.Id)
	require.False(t, *f.asked.Load().DryRun)
}

func TestAnAnalysisThatIsNotMadeHasItsExitCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*deciding)
		args   []string
		code   int
		says   string
	}{
		"no such context":             {args: []string{"analyze", "Nowhere"}, code: 2, says: `it has "Checkout"`},
		"no such time":                {args: []string{"analyze", "Checkout", "--as-of", "yesterday"}, code: 2, says: "is not a time"},
		"no result in time":           {change: func(f *deciding) { f.polls.Store(1000) }, args: []string{"analyze", "Checkout", "--wait", "300ms"}, code: 5, says: "no result within"},
		"the day is used up":          {change: func(f *deciding) { f.refuse = true }, args: []string{"analyze", "Checkout"}, code: 4, says: "specter account analyses"},
		"used up before it could run": {change: func(f *deciding) { f.analysis.Outcome, f.analysis.Reason = api.AnalysisOutcomeLimitReached, "used up" }, args: []string{"analyze", "Checkout"}, code: 4, says: "used up"},
	} {
		f, src := newDeciding(t)
		if c.change != nil {
			c.change(f)
		}
		started := time.Now()
		code, _, errOut := run(t, src, c.args...)
		require.Equal(t, c.code, code, "%s: %s", name, errOut)
		require.Contains(t, errOut, c.says, name)
		require.Less(t, time.Since(started), 10*time.Second, "a plan's refusal is not tried again")
	}
}

func TestProposalsAreListedReadAndDecided(t *testing.T) {
	t.Parallel()
	f, src := newDeciding(t)
	id := f.proposal.Id.String()
	code, out, errOut := run(t, src, "proposals", "list")
	require.Zero(t, code, errOut)
	require.Contains(t, out, id)
	require.NotContains(t, out, "Another", "what is decided is not in the inbox")
	code, out, _ = run(t, src, "proposals", "list", "--status", "all", "-o", "json")
	require.Zero(t, code)
	var all []api.Proposal
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Len(t, all, 2)
	code, _, _ = run(t, src, "proposals", "list", "--status", "open")
	require.Equal(t, 2, code)

	code, out, errOut = run(t, src, "proposals", "show", id)
	require.Zero(t, code, errOut)
	for _, want := range []string{"Make “#pay” respond", "regressed again after “Earlier”", "  First line.\n  Second line.", "signals of other types 50.0 % → 60.0 %"} {
		require.Contains(t, out, want)
	}
	code, out, errOut = run(t, src, "proposals", "approve", id)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "waits to be shipped")

	code, _, _ = run(t, src, "proposals", "reject", id)
	require.Equal(t, 2, code, "a rejection says why")
	code, _, errOut = run(t, src, "proposals", "reject", id, "--reason", "boring")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "not_a_problem")
	code, out, errOut = run(t, src, "proposals", "reject", id, "--reason", "wont_fix", "--note", "By design.")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "rejected (wont fix)")
	require.Equal(t, api.RejectReasonWontFix, *f.decided.Load().ReasonCode)
	require.Equal(t, "By design.", *f.decided.Load().Reason)
	require.Equal(t, "abc", *f.decided.Load().ContentHash, "what was read")
}
