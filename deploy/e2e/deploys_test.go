package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// Of the samples beside the parser.
const (
	sampleProposal = "0197a0b4-1111-7000-8000-00000000000a"
	mergeCommit    = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
)

// testDeploymentsAreNoticed takes a change from its merge to its rollback as a repository, a pipeline and a person at
// the command line tell of it.
func testDeploymentsAreNoticed(t *testing.T, s *system) {
	product, approved := approvedProposal(t, s, "Noticed")
	path := "/api/v1/products/" + product.String()
	deployment := func() api.Deployment {
		return call[api.Deployment](t, s, http.MethodGet, "/api/v1/deployments/"+approved.DeploymentId.String(), nil)
	}

	secret := call[api.GitHubSecret](t, s, http.MethodPost, path+"/deploy-hook/github-secret", map[string]any{})
	gh := gitHub{url: s.URL + gitHubPath(t, secret.Hook.GithubUrl), secret: secret.Secret}
	require.EqualValues(t, "ping", gh.tell(t, "ping", "ping", approved.Id).Result)
	require.EqualValues(t, "linked", gh.tell(t, "pull_request", "pull_request_merged", approved.Id).Result)
	require.EqualValues(t, "planned", deployment().Status, "merged is not deployed")
	forged := gitHub{url: gh.url, secret: "guessed"}
	status, _ := forged.send(t, "deployment_status", uuid.NewString(), gh.payload(t, "deployment_status_success", approved.Id))
	require.Equal(t, http.StatusUnauthorized, status)

	hook := call[api.DeployHookToken](t, s, http.MethodPost, path+"/deploy-hook/token", map[string]any{})
	address := s.URL + hookPath(t, hook.Url)
	answer, err := specter.ReportDeploy(t.Context(), address, specter.DeployReport{Commit: mergeCommit, Environment: "staging"})
	require.NoError(t, err)
	require.Equal(t, "ignored", answer.Result, answer.Reason)
	require.EqualValues(t, "matched", gh.tell(t, "deployment_status", "deployment_status_success", approved.Id).Result)
	require.True(t, *gh.tell(t, "deployment_status", "deployment_status_success", approved.Id).Repeated)
	answer, err = specter.ReportDeploy(t.Context(), address, specter.DeployReport{Commit: mergeCommit})
	require.NoError(t, err)
	require.Equal(t, "unchanged", answer.Result, "the pipeline says it too")
	shipped := deployment()
	require.EqualValues(t, "github_deployment", *shipped.ReportedVia)
	require.Equal(t, mergeCommit, *shipped.Commit)
	program.Await(t, 30*time.Second, "the test to be registered", func() bool { return deployment().Verification != nil })

	testDocumentedHook(t, address, approved.Id)
	id := shipped.Id.String()
	require.Contains(t, specterSays(t, s, "deploy", "list", "--product", product.String()), id)
	require.Contains(t, specterSays(t, s, "deploy", "edit", id, "--version", "2.3.2", "--canary", "50"), "edited")
	require.Contains(t, specterSays(t, s, "deploy", "hook", "receipts", "--product", product.String()), "“staging” is not one of those")
	require.Contains(t, specterSays(t, s, "deploy", "hook", "set", "--product", product.String(), "--linked-by", "pull_request,push"), "pull_request, push")
	require.Contains(t, specterSays(t, s, "deploy", "hook", "show", "--product", product.String()), "sph_")
	require.Contains(t, specterSays(t, s, "deploy", "rollback", id), "rolled back")
	shown := specterSays(t, s, "deploy", "show", id)
	for _, step := range []string{"created", "merged", "deployed", "edited", "rolled back", "github deployment", "50 %", "hook:github"} {
		require.Contains(t, shown, step)
	}
	program.Await(t, 30*time.Second, "the test to be stopped", func() bool { return deployment().Verification.Status == "stopped" })
	require.EqualValues(t, "rolled_back", deployment().Status)
}

// TestNodeReportsWhatShipped runs the Node package's example both ways: with a token, and with a hook's address alone.
func TestNodeReportsWhatShipped(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	product, approved := approvedProposal(t, s, "Node")
	runIn(t, root(t), "scripts/npm-ci.sh", filepath.Join(root(t), "pkg", "sdk", "js"))
	built := t.TempDir()
	runIn(t, filepath.Join(root(t), "services", "gateway", "internal", "script"), "go", "run", "./build", "examples", built)
	node, err := exec.LookPath("node")
	require.NoError(t, err)
	deploy := func(version string, env ...string) string {
		cmd := exec.CommandContext(t.Context(), node, filepath.Join(built, "node", "deploy.mjs"), version)
		cmd.Env = append(program.Environ(), env...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	said := deploy("2.3.2", "SPECTER_URL="+s.URL, "SPECTER_TOKEN="+s.Token, "SPECTER_PRODUCT="+product.String())
	require.Equal(t, approved.Title+": deployed\n", said)
	shipped := call[api.Deployment](t, s, http.MethodGet, "/api/v1/deployments/"+approved.DeploymentId.String(), nil)
	require.EqualValues(t, "sdk", *shipped.ReportedVia)

	hook := call[api.DeployHookToken](t, s, http.MethodPost, "/api/v1/products/"+product.String()+"/deploy-hook/token", map[string]any{})
	address := "SPECTER_DEPLOY_HOOK=" + s.URL + hookPath(t, hook.Url)
	require.Contains(t, deploy("2.3.2", address), "unchanged: It was reported as deployed already.")
	require.Contains(t, deploy("2.3.3", address), "unmatched: Nothing is planned.")
}

// approvedProposal is a product with a trouble that was found and whose remedy was approved.
func approvedProposal(t *testing.T, s *system, name string) (uuid.UUID, api.Proposal) {
	t.Helper()
	made := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: name})
	path := "/api/v1/products/" + made.Product.Id.String()
	checkout := call[api.Context](t, s, http.MethodPost, path+"/contexts", map[string]any{
		"name": "Checkout", "positive_types": []string{"checkout_completed"}, "negative_types": []string{"rage_click"},
	})
	importAll(t, s, made.Product.Id, sixteenWeeks().signals(checkout.Id, 11))
	var proposal api.Proposal
	program.Await(t, 90*time.Second, "a proposal", func() bool {
		page := call[api.ProposalPage](t, s, http.MethodGet, path+"/proposals?status=pending", nil)
		if len(page.Items) == 0 {
			return false
		}
		proposal = page.Items[0]
		return true
	})
	approved := call[api.Proposal](t, s, http.MethodPost, "/api/v1/proposals/"+proposal.Id.String()+"/decision", map[string]string{"decision": "approved"})
	require.NotNil(t, approved.DeploymentId)
	return made.Product.Id, approved
}

// The server may know its public address or not; the test reaches it where it is.
func gitHubPath(t *testing.T, url string) string { return pathOf(t, url, "/api/hooks/github/") }
func hookPath(t *testing.T, url string) string   { return pathOf(t, url, "/api/hooks/deploy/") }

func pathOf(t *testing.T, url, prefix string) string {
	t.Helper()
	at := strings.Index(url, prefix)
	require.GreaterOrEqual(t, at, 0, url)
	return url[at:]
}

// gitHub sends deliveries as GitHub does.
type gitHub struct{ url, secret string }

func (g gitHub) payload(t *testing.T, name string, proposal uuid.UUID) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "services/dashboard/internal/hook/testdata/github", name+".json"))
	require.NoError(t, err)
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	return strings.NewReplacer(sampleProposal, proposal.String(), "2026-01-05", yesterday).Replace(string(text))
}

func (g gitHub) tell(t *testing.T, event, name string, proposal uuid.UUID) api.DeployHookAnswer {
	t.Helper()
	status, body := g.send(t, event, uuid.NewString(), g.payload(t, name, proposal))
	require.Equal(t, http.StatusOK, status, string(body))
	var answer api.DeployHookAnswer
	require.NoError(t, json.Unmarshal(body, &answer))
	return answer
}

func (g gitHub) send(t *testing.T, event, delivery, payload string) (int, []byte) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(g.secret))
	mac.Write([]byte(payload))
	res, body := send(t, http.DefaultClient, http.MethodPost, g.url, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"GitHub-Hookshot/044aadd"}, "X-Github-Event": {event}, "X-Github-Delivery": {delivery},
		"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
	}, strings.NewReader(payload))
	return res.StatusCode, body
}

// testDocumentedHook does what docs/DEPLOYMENTS.md tells pipelines to do.
func testDocumentedHook(t *testing.T, address string, proposal uuid.UUID) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "DEPLOYMENTS.md"))
	require.NoError(t, err)
	tried := 0
	for _, command := range shellCommands(string(text)) {
		require.True(t, strings.HasPrefix(command, "curl "), command)
		if strings.Contains(command, "rolled_back") {
			continue // a person does, below
		}
		tried++
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command+" --fail --max-time 20")
		cmd.Dir = root(t)
		cmd.Env = append(program.Environ(), "SPECTER_DEPLOY_HOOK="+address, "SPECTER_PROPOSAL="+proposal.String())
		out, err := cmd.Output()
		require.NoError(t, err, command)
		var answer api.DeployHookAnswer
		require.NoError(t, json.Unmarshal(out, &answer), "%s: %s", command, out)
		require.Contains(t, []api.DeployOutcome{"matched", "unchanged", "unmatched"}, answer.Result, "%s: %s", command, answer.Reason)
		require.NotEmpty(t, answer.Reason)
	}
	require.GreaterOrEqual(t, tried, 4)
}

func specterSays(t *testing.T, s *system, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "specter"), append(arguments, "--url", s.URL, "--token", s.Token)...)
	cmd.Env = program.Environ()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", arguments, out)
	return string(out)
}
