package hook_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/hook"
)

// storable holds of every notice that is not refused: a database takes its texts, its links are links, and what it ships
// has passed the rules of a deployment.
func storable(t *testing.T, n hook.Notice) {
	t.Helper()
	for name, text := range map[string]string{
		"event": n.Event, "environment": n.Environment, "version": n.Version, "commit": n.Commit, "repository": n.Repository, "pull request": n.PullRequest, "url": n.URL, "why": n.Why,
	} {
		require.True(t, utf8.ValidString(text), name)
		require.NotContains(t, text, "\x00", name)
		require.LessOrEqual(t, len(text), 8_000, name)
	}
	for _, link := range []string{n.URL, n.Repository, n.PullRequest} {
		require.True(t, link == "" || strings.HasPrefix(strings.ToLower(link), "http"), link)
	}
	for _, commit := range n.Names.Commits {
		require.GreaterOrEqual(t, len(commit), 7, "a shorter one could be anybody's")
		require.Equal(t, strings.ToLower(commit), commit)
	}
	require.LessOrEqual(t, len(n.Names.Proposals), 100)
	if n.Act == hook.Ship {
		r := deployment.Report{Status: deployment.Planned}
		_, err := r.Ship("hook:x", n.Shipped(), now)
		require.NoError(t, err)
	}
}

func FuzzReadReport(f *testing.F) {
	for _, seed := range [][3]string{
		{"commit=" + mergeCommit + "&proposal=" + proposalID, "", ""}, {"", "application/json", `{"version":"1","all":true,"canary_share":"5%","deployed_at":1767607200}`},
		{"", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1\r\n--b--\r\n"}, {"version=1", "text/plain", "Specter-Proposal: " + proposalID},
		{"status=rolled_back&version=1&rolled_back_at=0", "", ""}, {"", "application/x-www-form-urlencoded", `{"commit":"abcdef1","proposal":[["x"]]}`}, {"a=%00&version=%ff", "", "{}"},
		{"version=1&canary_share=1e309&deployed_at=-1", "", ""}, {"deployment=" + proposalID + "," + proposalID, "", ""},
	} {
		f.Add(seed[0], seed[1], []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, query, contentType string, body []byte) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return // the edge refuses it
		}
		n, err := hook.ReadReport(hook.DefaultSettings(), q, contentType, body, now)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge), "%v", err)
			return
		}
		storable(t, n)
	})
}

func FuzzReadGitHub(f *testing.F) {
	for event, names := range map[string][]string{
		"ping": {"ping"}, "deployment_status": {"deployment_status_success", "deployment_status_staging"}, "release": {"release_published"},
		"pull_request": {"pull_request_merged", "pull_request_other"}, "push": {"push_merge", "push_later", "push_forced"},
	} {
		for _, name := range names {
			f.Add(event, "application/json", sample(f, name))
		}
	}
	f.Add("push", "application/x-www-form-urlencoded", []byte("payload=%7B%7D"))
	f.Add("release", "application/json", []byte(`{"action":"published","repository":{"html_url":"javascript:alert(1)//"},"release":{"tag_name":"\u0000","html_url":"https://x y"}}`))
	all := hook.DefaultSettings()
	all.DeployedBy, all.LinkedBy = append(all.DeployedBy, "pull_request", "push"), append(all.LinkedBy, "push")
	f.Fuzz(func(t *testing.T, event, contentType string, body []byte) {
		for _, settings := range []hook.Settings{hook.DefaultSettings(), all} {
			n, err := hook.ReadGitHub(settings, hook.Delivery{Event: event, ID: "d", ContentType: contentType, Body: body}, now)
			if err != nil {
				require.True(t, fault.Is(err, fault.Invalid), "%v", err)
				continue
			}
			storable(t, n)
		}
	})
}

func FuzzTrailers(f *testing.F) {
	f.Add("Specter-Proposal: " + proposalID)
	f.Add("\r\n> **specter-proposal**:\t" + proposalID + proposalID)
	f.Fuzz(func(t *testing.T, text string) {
		ids := hook.Trailers(text)
		require.LessOrEqual(t, len(ids), 100)
		for _, id := range ids {
			require.Contains(t, strings.ToLower(text), id.String(), "named by the text itself")
		}
	})
}

// TestTheSameNoticeSettlesOnce: whatever deployments a notice is about, to settle it again changes nothing more, and
// every change that it makes is one the state machine allows.
func TestTheSameNoticeSettlesOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := hook.Notice{Source: hook.Pipeline, Via: deployment.ViaHook, Act: rapid.SampledFrom([]hook.Act{hook.Ship, hook.RollBack, hook.Link, hook.Ping, hook.Nothing}).Draw(t, "act")}
		if rapid.Bool().Draw(t, "canary") {
			share := float64(rapid.IntRange(0, 100).Draw(t, "share"))
			n.CanaryShare = &share
		}
		before := now.Add(-time.Hour)
		candidates := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hook.Candidate {
			c := hook.Candidate{ID: uuid.New(), Report: deployment.Report{Status: rapid.SampledFrom([]deployment.Status{deployment.Planned, deployment.Deployed, deployment.RolledBack}).Draw(t, "status"), CanaryShare: 100}}
			if c.Report.Status != deployment.Planned {
				c.Report.DeployedAt = &before
			}
			return c
		}), 0, 5).Draw(t, "candidates")
		first := n.Settle(candidates, nil, "hook:deploy", now)
		if (first.Outcome == hook.Matched) != (len(first.Changes) > 0) || first.Reason == "" && n.Act != hook.Nothing {
			t.Fatalf("%+v", first)
		}
		for _, change := range first.Changes {
			for i, c := range candidates {
				if c.ID == change.ID {
					candidates[i].Report = change.Report
				}
			}
		}
		if again := n.Settle(candidates, nil, "hook:deploy", now.Add(time.Minute)); len(again.Changes) > 0 {
			t.Fatalf("again: %+v", again.Changes)
		}
	})
}
