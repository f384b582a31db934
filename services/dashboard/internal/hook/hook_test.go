package hook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/hook"
)

// What the samples in testdata speak of: a pull request, its merge, and the commit after it.
const (
	proposalID  = "0197a0b4-1111-7000-8000-00000000000a"
	headCommit  = "c3d0be41ecbe669545ee3e94d31ed9a4bc91ee3c"
	mergeCommit = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
	baseCommit  = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c"
	laterCommit = "9049f1265b7d61be4a8904a9a27120d2064dab3b"
)

var now = time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant of the samples

func sample(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "github", name+".json"))
	require.NoError(t, err)
	return body
}

func github(t *testing.T, s hook.Settings, event, name string) hook.Notice {
	t.Helper()
	n, err := hook.ReadGitHub(s, hook.Delivery{Event: event, ID: "d-1", ContentType: "application/json", Body: sample(t, name)}, now)
	require.NoError(t, err, name)
	require.Equal(t, "https://github.com/acme/shop", n.Repository)
	return n
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	one, two := uuid.MustParse(proposalID), uuid.New()
	for text, want := range map[string][]uuid.UUID{
		"Fix\n\nSpecter-Proposal: " + one.String():                                             {one},
		"specter-proposal:" + one.String() + "\r\nSpecter-Proposal: " + two.String() + "\r\n":  {one, two},
		"Specter-Proposal: " + one.String() + ", " + two.String() + ", " + one.String():        {one, two},
		"- **Specter-Proposal**: https://specter.example.com/p/x/proposals?id=" + one.String(): {one},
		"    Specter-Proposal: " + strings.ToUpper(one.String()):                               {one},
		"See Specter-Proposal: " + one.String():                                                nil,
		"<!-- Specter-Proposal: " + one.String() + " -->":                                      nil,
		"Specter-Proposal: 0197a0b4":                                                           nil,
		"Specter-Proposal:\n" + one.String():                                                   nil,
		"":                                                                                     nil,
	} {
		require.Equal(t, want, hook.Trailers(text), text)
	}
	require.Len(t, hook.Trailers(strings.Repeat("Specter-Proposal: "+one.String()+"\n", 3)), 1)
}

func TestWhatGitHubTells(t *testing.T) {
	t.Parallel()
	settings := hook.DefaultSettings()
	proposals := []uuid.UUID{uuid.MustParse(proposalID)}

	require.Equal(t, hook.Ping, github(t, settings, "ping", "ping").Act)

	deployed := github(t, settings, "deployment_status", "deployment_status_success")
	require.Equal(t, hook.Ship, deployed.Act, deployed.Why)
	require.Equal(t, deployment.ViaGitHubDeployment, deployed.Via)
	require.Equal(t, []string{mergeCommit}, deployed.Names.Commits)
	require.Equal(t, time.Date(2026, 1, 5, 10, 20, 0, 0, time.UTC), deployed.At.UTC())
	require.Equal(t, "production", deployed.Environment)
	require.Equal(t, "https://github.com/acme/shop/actions/runs/771/job/1", deployed.URL)
	require.Empty(t, deployed.Version, "a branch is no version")

	released := github(t, settings, "release", "release_published")
	require.Equal(t, hook.Ship, released.Act, released.Why)
	require.Equal(t, "v2.3.2", released.Version)
	require.Equal(t, []string{"https://github.com/acme/shop/pull/117", "https://github.com/acme/shop/pull/118"}, released.Names.PullRequests)
	require.Empty(t, released.Names.Commits, "its target is a branch")

	merged := github(t, settings, "pull_request", "pull_request_merged")
	require.Equal(t, hook.Link, merged.Act, "merged is not deployed")
	require.Equal(t, "pull_request.closed", merged.Event)
	require.Equal(t, proposals, merged.Names.Proposals)
	require.Equal(t, []hook.Held{{Commit: mergeCommit, Proposals: proposals}, {Commit: headCommit, Proposals: proposals, Derived: true}}, merged.Held)

	settings.DeployedBy = append(settings.DeployedBy, "pull_request", "push")
	require.Equal(t, hook.Ship, github(t, settings, "pull_request", "pull_request_merged").Act, "unless the product says so")
	require.Equal(t, hook.Link, github(t, settings, "pull_request", "pull_request_other").Act)
	require.Empty(t, github(t, settings, "pull_request", "pull_request_other").Names.Proposals, "the comment of a template names nothing")
	require.Equal(t, hook.Ship, github(t, settings, "push", "push_merge").Act)

	settings.DeployedBy, settings.LinkedBy = nil, []string{"push"}
	pushed := github(t, settings, "push", "push_merge")
	require.Equal(t, hook.Link, pushed.Act)
	require.Equal(t, []hook.Held{{Commit: headCommit, Proposals: proposals}, {Commit: mergeCommit, Proposals: proposals, Derived: true}}, pushed.Held)
	later := github(t, settings, "push", "push_later")
	require.Equal(t, [2]string{mergeCommit, laterCommit}, [2]string{later.Before, later.After})
	require.Empty(t, github(t, settings, "push", "push_forced").Before, "history that was rewritten may have lost it")
}

func TestWhatDoesNotCountSaysWhy(t *testing.T) {
	t.Parallel()
	defaults := hook.DefaultSettings()
	none := hook.Settings{Environments: defaults.Environments}
	for _, c := range []struct {
		settings    hook.Settings
		event, name string
		why         string
	}{
		{defaults, "deployment_status", "deployment_status_pending", "not success"},
		{defaults, "deployment_status", "deployment_status_staging", "“Staging” is not one of those"},
		{none, "deployment_status", "deployment_status_success", "do not count"},
		{none, "release", "release_published", "do not count"},
		{none, "pull_request", "pull_request_merged", "do not count"},
		{defaults, "pull_request", "pull_request_closed", "merged counts"},
		{defaults, "push", "push_merge", "Pushes do not count"},
		{hook.Settings{LinkedBy: []string{"push"}}, "push", "push_branch", "default branch"},
		{defaults, "workflow_run", "deployment_status_success", "does not use this event"},
	} {
		n := github(t, c.settings, c.event, c.name)
		require.Equal(t, hook.Nothing, n.Act, "%s %s", c.event, c.name)
		require.Contains(t, n.Why, c.why)
		require.Equal(t, hook.Ignored, n.Settle(nil, nil, "hook:github", now).Outcome)
	}
	staging := hook.Settings{Environments: []string{"staging"}, DeployedBy: []string{"deployment_status"}}
	require.Equal(t, hook.Ship, github(t, staging, "deployment_status", "deployment_status_staging").Act, "chosen by name, whatever its case")
	require.Equal(t, hook.Nothing, github(t, staging, "deployment_status", "deployment_status_success").Act)

	old, err := hook.ReadGitHub(defaults, hook.Delivery{Event: "deployment_status", ContentType: "application/json", Body: sample(t, "deployment_status_success")}, now.AddDate(0, 0, 31))
	require.NoError(t, err)
	require.Equal(t, hook.Nothing, old.Act, "nobody can repeat what is forgotten")
}

func TestAFormFromGitHubReadsTheSame(t *testing.T) {
	t.Parallel()
	body := sample(t, "pull_request_merged")
	form := hook.Delivery{Event: "pull_request", ID: "d-1", ContentType: "application/x-www-form-urlencoded", Body: []byte(url.Values{"payload": {string(body)}}.Encode())}
	n, err := hook.ReadGitHub(hook.DefaultSettings(), form, now)
	require.NoError(t, err)
	want := github(t, hook.DefaultSettings(), "pull_request", "pull_request_merged")
	n.Digest, want.Digest = nil, nil
	require.Equal(t, want, n)
	for _, bad := range []hook.Delivery{
		{ContentType: "application/json", Body: []byte(`{`)}, {ContentType: "application/json", Body: []byte(`[1]`)}, {ContentType: "text/xml", Body: body},
		{ContentType: "application/x-www-form-urlencoded", Body: []byte("a=b")}, {Body: body},
	} {
		_, err := hook.ReadGitHub(hook.DefaultSettings(), bad, now)
		require.True(t, fault.Is(err, fault.Invalid), "%+v", bad)
	}
}

func TestOnlyAGoodSignatureIsGood(t *testing.T) {
	t.Parallel()
	// The example of GitHub's documentation ("Validating webhook deliveries").
	const published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	require.True(t, hook.Signed([]byte("Hello, World!"), published, []string{"It's a Secret to Everybody"}))

	sign := func(secret, body string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	require.True(t, hook.Signed([]byte("x"), sign("old", "x"), []string{"new", "old"}), "while the one before is good still")
	for _, bad := range []string{
		"", "sha256=", sign("other", "x"), sign("new", "y"), strings.TrimPrefix(sign("new", "x"), "sha256="), strings.Replace(sign("new", "x"), "sha256", "sha1", 1),
		sign("new", "x") + "00", sign("new", "x")[:70], "sha256=" + strings.Repeat("zz", 32), strings.ToUpper(sign("new", "x")),
	} {
		require.False(t, hook.Signed([]byte("x"), bad, []string{"new"}), bad)
	}
	require.False(t, hook.Signed([]byte("x"), sign("", "x"), nil), "no secret is no secret")
}

func read(query, contentType, body string) (hook.Notice, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return hook.Notice{}, err
	}
	return hook.ReadReport(hook.DefaultSettings(), q, contentType, []byte(body), now)
}

// TestEveryFormOfAReportReadsTheSame: whatever a pipeline can send easily.
func TestEveryFormOfAReportReadsTheSame(t *testing.T) {
	t.Parallel()
	var multi bytes.Buffer
	form := multipart.NewWriter(&multi)
	for name, value := range map[string]string{"proposal": proposalID, "commit": mergeCommit, "version": "2.3.2", "canary_share": "10", "deployed_at": "2026-01-05T10:00:00Z"} {
		require.NoError(t, form.WriteField(name, value))
	}
	require.NoError(t, form.Close())
	fields := "proposal=" + proposalID + "&commit=" + mergeCommit + "&version=2.3.2&canary_share=10&deployed_at=2026-01-05T10%3A00%3A00Z"
	object := `{"proposal":["` + proposalID + `"],"commit":"` + strings.ToUpper(mergeCommit) + `","version":"2.3.2","canary_share":10,"deployed_at":1767607200,"pipeline":{"id":7}}`
	for name, c := range map[string][3]string{
		"query": {fields, "", ""}, "form": {"", "application/x-www-form-urlencoded", fields}, "curl -d of JSON": {"", "application/x-www-form-urlencoded", object},
		"JSON": {"", "application/json; charset=utf-8", object}, "curl -F": {"", form.FormDataContentType(), multi.String()},
		"mixed, and the body counts": {"version=1&" + fields, "application/json", `{"version":"2.3.2"}`},
	} {
		n, err := read(c[0], c[1], c[2])
		require.NoError(t, err, name)
		require.Equal(t, hook.Ship, n.Act, name)
		require.Equal(t, []uuid.UUID{uuid.MustParse(proposalID)}, n.Names.Proposals, name)
		require.Equal(t, []string{mergeCommit}, n.Names.Commits, name)
		require.Equal(t, "2.3.2", n.Version, name)
		require.InDelta(t, 10, *n.CanaryShare, 0, name)
		require.Equal(t, time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC), n.At.UTC(), name)
		require.Equal(t, "production", n.Environment, name)
	}
	log, err := read("version=2.3.2", "text/plain", "commit "+mergeCommit+"\n\n    Fix\n\n    Specter-Proposal: "+proposalID+"\n")
	require.NoError(t, err)
	require.Len(t, log.Names.Proposals, 1, "the log of a release")
	staging, err := read("environment=staging&commit="+mergeCommit[:7], "", "")
	require.NoError(t, err)
	require.Equal(t, hook.Nothing, staging.Act)
	back, err := read("status=rolled_back&version=2.3.2&rolled_back_at=2026-01-05T11:00:00Z", "", "")
	require.NoError(t, err)
	require.Equal(t, hook.RollBack, back.Act)
	require.Equal(t, 11, back.At.Hour())
}

func TestABadReportSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, contentType, body, code string }{
		{code: "nothing_named"},
		{query: "environment=production", code: "nothing_named"},
		{query: "all=true", code: "/all"},
		{query: "commit=abc&all=perhaps", code: "/all"},
		{query: "proposal=7", code: "/proposal"},
		{query: "proposal=%7B" + proposalID + "%7D", code: "/proposal"},
		{query: "deployment=x", code: "/deployment"},
		{query: "version=1&status=shipped", code: "/status"},
		{query: "version=1&canary_share=101", code: "/canary_share"},
		{query: "version=1&canary_share=NaN", code: "/canary_share"},
		{query: "version=1&deployed_at=yesterday", code: "/deployed_at"},
		{query: "version=1&deployed_at=2030-01-01T00:00:00Z", code: "/deployed_at"},
		{query: "version=1&url=javascript:alert(1)", code: "/url"},
		{query: "version=" + strings.Repeat("x", 201), code: "/version"},
		{query: "commit=" + strings.Repeat("a", 65), code: "/commit"},
		{contentType: "application/json", body: `{"version":`, code: "invalid_json"},
		{contentType: "application/json", body: `["version"]`, code: "invalid_json"},
		{contentType: "application/json", body: `{"version":"1"}{}`, code: "invalid_json"},
		{contentType: "application/json", body: `{"version":"1","version":"2"}`, code: "/version"},
		{contentType: "application/json", body: `{"version":{"x":1}}`, code: "/version"},
		{contentType: "application/json", body: "{\"version\":\"\xff\"}", code: "invalid_json"},
		{contentType: "application/json", body: `{"version":"a\u0000b"}`, code: "/version"},
		{contentType: "multipart/form-data", body: "x", code: "invalid_form"},
		{contentType: "multipart/form-data; boundary=b", body: "--b\r\nx", code: "invalid_form"},
		{contentType: "application/x-www-form-urlencoded", body: "a=%zz", code: "invalid_form"},
		{contentType: "application/xml", body: "<x/>", code: "unsupported_media_type"},
		{contentType: "text/plain", body: strings.Repeat("x", hook.MaxReport+1), code: "payload_too_large"},
	} {
		_, err := read(c.query, c.contentType, c.body)
		f := fault.As(err)
		require.NotNil(t, f, "%+v: %v", c, err)
		if strings.HasPrefix(c.code, "/") {
			require.Len(t, f.Fields, 1, "%+v: %v", c, err)
			require.Equal(t, c.code, f.Fields[0].Pointer)
		} else {
			require.Equal(t, c.code, f.Code, fmt.Sprint(c.query, c.body[:min(len(c.body), 40)]))
		}
	}
}
