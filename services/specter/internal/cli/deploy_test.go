package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// shipping is as much of the dashboard as deployments need; deploy/e2e runs the commands against the real one.
type shipping struct {
	deployment api.Deployment
	proposal   api.Proposal
	reported   atomic.Pointer[api.DeploymentReport]
	edited     atomic.Pointer[api.DeploymentPatch]
	ifMatch    atomic.Pointer[string]
}

func newShipping(t *testing.T) (*shipping, config.Source) {
	t.Helper()
	share, revision, via, version := 25.0, 7, api.ReportedViaGithubDeployment, "2.3.2"
	who := "ada@example.com"
	f := &shipping{}
	f.deployment = api.Deployment{
		Id: uuid.New(), ProposalId: uuid.New(), Title: "Make “#pay” respond\x1b[31m", Status: api.DeploymentStatusCollecting, CreatedAt: now, DeployedAt: &now, CanaryShare: &share,
		Revision: &revision, ReportedVia: &via, Version: &version,
		Overlaps: &[]api.DeploymentOverlap{{DeploymentId: uuid.New(), Title: "Another", DeployedAt: now}},
		Timeline: &[]api.DeploymentStep{{At: now, Actor: "user:1", ActorName: &who, Action: "deployment.created"}, {At: now, Actor: "hook:github", Action: "deployment.deployed"}},
		Merged:   &api.MergedChange{MergedAt: now, Commit: "6dcb09b5b57875f334f61aebed695e2e4193db5e"},
	}
	f.proposal = api.Proposal{Id: f.deployment.ProposalId, Status: api.ProposalStatusPending}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("GET /api/v1/proposals/{id}", func(w http.ResponseWriter, _ *http.Request) { answer(w, f.proposal) })
	mux.HandleFunc("GET /api/v1/deployments/{id}", func(w http.ResponseWriter, _ *http.Request) { answer(w, f.deployment) })
	mux.HandleFunc("POST /api/v1/deployments/{id}/report", func(w http.ResponseWriter, r *http.Request) {
		var body api.DeploymentReport
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.reported.Store(&body)
		answer(w, f.deployment)
	})
	mux.HandleFunc("PATCH /api/v1/deployments/{id}", func(w http.ResponseWriter, r *http.Request) {
		var body api.DeploymentPatch
		_ = json.NewDecoder(r.Body).Decode(&body)
		tag := r.Header.Get("If-Match")
		f.edited.Store(&body)
		f.ifMatch.Store(&tag)
		answer(w, f.deployment)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, config.Source{"SPECTER_URL": server.URL, "SPECTER_TOKEN": "spt_x"}
}

func TestADeploymentIsReportedByItsProposal(t *testing.T) {
	t.Parallel()
	f, src := newShipping(t)
	code, _, errOut := run(t, src, "deploy", "report", "--proposal", f.proposal.Id.String())
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "is pending: it has no deployment")
	f.proposal.DeploymentId = &f.deployment.Id
	code, out, errOut := run(t, src, "deploy", "report", "--proposal", f.proposal.Id.String(), "--version", "2.3.2", "--at", "2026-05-04T12:00:00Z", "--canary", "10")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "overlaps with “Another”")
	body := f.reported.Load()
	require.Equal(t, "2.3.2", *body.Version)
	require.InDelta(t, 10, *body.CanaryShare, 0)
	require.Equal(t, time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), body.DeployedAt.UTC())
	require.Nil(t, body.Commit, "what is not said is left out")
}

func TestWhatIsEditedIsWhatWasRead(t *testing.T) {
	t.Parallel()
	f, src := newShipping(t)
	code, _, errOut := run(t, src, "deploy", "edit", f.deployment.Id.String(), "--canary", "0")
	require.Zero(t, code, errOut)
	require.Equal(t, `"v7"`, *f.ifMatch.Load())
	require.Zero(t, *f.edited.Load().CanaryShare, "0 is a share")
	require.Nil(t, f.edited.Load().Version)
}

func TestADeploymentIsShownWithItsHistory(t *testing.T) {
	t.Parallel()
	f, src := newShipping(t)
	code, out, errOut := run(t, src, "deploy", "show", f.deployment.Id.String())
	require.Zero(t, code, errOut)
	for _, want := range []string{"collecting", "2.3.2", "github deployment", "25 %", "⚠ overlaps with “Another”", "ada@example.com", "hook:github", "6dcb09b5"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "\x1b[31m", "a title does not steer the terminal")
}

func TestDeployCommandsRefuseWhatTheyCannotUnderstand(t *testing.T) {
	t.Parallel()
	_, src := newShipping(t)
	for _, args := range [][]string{
		{"deploy", "report"}, {"deploy", "report", "--proposal", "x"}, {"deploy", "report", "--proposal", uuid.NewString(), "--deployment", uuid.NewString()},
		{"deploy", "report", "--deployment", uuid.NewString(), "--at", "yesterday"}, {"deploy", "show", "x"}, {"deploy", "edit"}, {"deploy", "list", "--status", "shipped"},
		{"deploy", "edit", uuid.NewString(), "--canary-since", "now"}, {"deploy", "rollback", uuid.NewString(), "--at", "soon"},
	} {
		code, _, errOut := run(t, src, args...)
		require.Equal(t, 2, code, "%v: %s", args, errOut)
		require.Contains(t, errOut, "hint:")
	}
}
