package specter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

const someID = "0190a0a0-0000-7000-8000-000000000001"

// account is a server's API with handlers by route; it checks the token and that the key stays out.
func account(t *testing.T, routes map[string]http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.HandleFunc(pattern, handler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testToken || r.Header.Get("X-Api-Key") != "" {
			t.Errorf("%s: wrong credentials", r.URL.Path)
		}
		mux.ServeHTTP(w, r)
	})
}

func TestProposalsAreListedPageByPage(t *testing.T) {
	t.Parallel()
	asked := []string{}
	client, _ := newClient(t, account(t, map[string]http.HandlerFunc{
		"GET /api/proposals": func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.RawQuery)
			page, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
			next := ""
			if page < 2 {
				next = fmt.Sprintf(`,"next_cursor":"%d"`, page+1)
			}
			fmt.Fprintf(w, `{"items":[{"id":"%d-a","status":"approved"},{"id":"%d-b"}]%s}`, page, page, next)
		},
	}), WithToken(testToken))
	all := client.Proposals().List(t.Context(), ProposalFilter{Status: ProposalApproved})
	for range 2 { // the sequence can be ranged over again
		ids := ""
		for proposal, err := range all {
			must(t, err)
			ids += proposal.ID + " "
		}
		equal(t, "ids", ids, "0-a 0-b 1-a 1-b 2-a 2-b ")
	}
	equal(t, "requests", fmt.Sprint(asked[:3]), "[limit=100&status=approved cursor=1&limit=100&status=approved cursor=2&limit=100&status=approved]")
	asked = nil
	for range all {
		break
	}
	equal(t, "requests for the first only", len(asked), 1)
}

func TestProposalsOfOneProduct(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, account(t, map[string]http.HandlerFunc{
		"GET /api/v1/products/" + someID + "/proposals": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[{"id":"x"}]}`) },
		"GET /api/v1/proposals/" + someID: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"id":"`+someID+`","title":"Repair #pay","evidence":{"n":1},"confidence":0.9,"predicted_impact":{"metric":"m","low":0.1},"decided_at":"2026-03-01T12:00:00Z"}`)
		},
		"GET /api/v1/products/" + someID + "/deployments": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"items":[{"id":"d","verification":{"result":{"effect":0.21}}}]}`)
		},
	}), WithToken(testToken))
	n := 0
	for _, err := range client.Proposals().List(t.Context(), ProposalFilter{ProductID: someID}) {
		must(t, err)
		n++
	}
	equal(t, "proposals", n, 1)
	proposal, err := client.Proposals().Get(t.Context(), someID)
	must(t, err)
	equal(t, "title", proposal.Title, "Repair #pay")
	equal(t, "evidence", string(proposal.Evidence), `{"n":1}`)
	equal(t, "decided", proposal.DecidedAt.Unix(), 1772366400)
	equal(t, "low", proposal.PredictedImpact.Low, 0.1)
	for deployment, err := range client.Deployments().List(t.Context(), someID) {
		must(t, err)
		equal(t, "effect", *deployment.Verification.Result.Effect, 0.21)
	}
}

func TestDeploymentsAreReported(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var bodies []string
	client, _ := newClient(t, account(t, map[string]http.HandlerFunc{
		"POST /api/v1/deployments/" + someID + "/report": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			_, _ = io.WriteString(w, `{"id":"`+someID+`","status":"deployed"}`)
		},
	}), WithToken(testToken))
	deployment, err := client.Deployments().Report(t.Context(), someID, DeploymentReport{DeployedAt: at, Version: "2.3.2", Commit: "abc"})
	must(t, err)
	equal(t, "status", deployment.Status, DeploymentDeployed)
	_, err = client.Deployments().Report(t.Context(), someID, DeploymentReport{})
	must(t, err)
	equal(t, "bodies", fmt.Sprint(bodies), `[{"deployed_at":"2026-03-01T12:00:00Z","version":"2.3.2","commit":"abc"} {}]`)
}

func TestDeploymentsAreCorrectedCancelledAndRolledBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var bodies []string
	keep := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Method+" "+string(body))
		_, _ = io.WriteString(w, `{"id":"`+someID+`","status":"deployed","canary_share":50,"revision":3,"overlaps":[{"title":"Another"}],"timeline":[{"action":"deployment.deployed","detail":{}}]}`)
	}
	client, _ := newClient(t, account(t, map[string]http.HandlerFunc{
		"PATCH /api/v1/deployments/" + someID: keep, "POST /api/v1/deployments/" + someID + "/cancel": keep, "POST /api/v1/deployments/" + someID + "/rollback": keep,
	}), WithToken(testToken))
	share := 50.0
	edited, err := client.Deployments().Edit(t.Context(), someID, DeploymentEdit{CanaryShare: &share, CanarySince: &at})
	must(t, err)
	equal(t, "share", *edited.CanaryShare, 50)
	equal(t, "overlap", edited.Overlaps[0].Title, "Another")
	equal(t, "history", edited.Timeline[0].Action, "deployment.deployed")
	_, err = client.Deployments().Cancel(t.Context(), someID)
	must(t, err)
	_, err = client.Deployments().RollBack(t.Context(), someID, at)
	must(t, err)
	_, err = client.Deployments().RollBack(t.Context(), someID, time.Time{})
	must(t, err)
	equal(t, "bodies", fmt.Sprint(bodies), `[PATCH {"canary_share":50,"canary_since":"2026-03-01T12:00:00Z"} POST  POST {"rolled_back_at":"2026-03-01T12:00:00Z"} POST {}]`)
}

func TestRefusalsAreTyped(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, account(t, map[string]http.HandlerFunc{
		"GET /api/v1/deployments/" + someID: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]any{"code": "not_found", "title": "Not found", "request_id": "req-9", "errors": []map[string]string{{"pointer": "/id", "code": "c", "detail": "d"}}})
		},
	}), WithToken(testToken))
	_, err := client.Deployments().Get(t.Context(), someID)
	refused := as[*Error](t, err)
	equal(t, "code", refused.Code, "not_found")
	equal(t, "status", refused.Status, 404)
	equal(t, "fields", fmt.Sprint(refused.Fields), "[{/id c d}]")
	equal(t, "text", err.Error(), "specter: the server answered 404 not_found: Not found (request req-9)")

	for _, id := range []string{"", "../products", someID + "/x", "0190a0a0-0000-7000-8000-00000000000?"} {
		_, err := client.Deployments().Get(t.Context(), id)
		_, reportErr := client.Deployments().Report(t.Context(), id, DeploymentReport{})
		_, proposalErr := client.Proposals().Get(t.Context(), id)
		if err == nil || reportErr == nil || proposalErr == nil {
			t.Errorf("%q: accepted", id)
		}
	}
	for _, err := range client.Deployments().List(t.Context(), "x") {
		equal(t, "list", err != nil, true)
	}
	for _, err := range client.Proposals().List(t.Context(), ProposalFilter{ProductID: "x"}) {
		equal(t, "list", err != nil, true)
	}
	noToken, _ := newClient(t, http.NotFoundHandler())
	_, err = noToken.Proposals().Get(t.Context(), someID)
	equal(t, "without token", errors.Is(err, ErrNoToken), true)
}

// TestReadsAreTriedAgainAndWritesAreNot: a write whose answer was lost may have been done.
func TestReadsAreTriedAgainAndWritesAreNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client, _ := bubbled(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests++; requests < 3 {
				refuse(http.StatusServiceUnavailable, "unavailable", "Retry-After", "3")(w, r)
				return
			}
			_, _ = io.WriteString(w, `{"id":"`+someID+`"}`)
		}), WithToken(testToken))
		began := time.Now()
		proposal, err := client.Proposals().Get(t.Context(), someID)
		must(t, err)
		equal(t, "id", proposal.ID, someID)
		equal(t, "requests", requests, 3)
		equal(t, "waited", time.Since(began), 6*time.Second)

		requests = 0
		_, err = client.Deployments().Report(t.Context(), someID, DeploymentReport{})
		equal(t, "code", as[*Error](t, err).Code, "unavailable")
		equal(t, "requests", requests, 1)

		requests = 0
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Proposals().Get(short, someID)
		equal(t, "deadline", errors.Is(err, context.DeadlineExceeded), true)
		equal(t, "and why", as[*Error](t, err).Status, 503)

		requests = -1000
		_, err = client.Proposals().Get(t.Context(), someID)
		equal(t, "code", as[*Error](t, err).Code, "unavailable")
		equal(t, "requests", requests, -1000+readAttempts)
		must(t, client.Close(t.Context()))
	})
}

func TestAPageThatIsNotSpectersIsAnError(t *testing.T) {
	t.Parallel()
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer listening.Close()
	synctest.Test(t, func(t *testing.T) {
		client, _ := bubbled(t, listening.Config.Handler, WithToken(testToken))
		for _, err := range client.Proposals().List(t.Context(), ProposalFilter{}) {
			equal(t, "error", errors.Is(err, errNotOurs), true)
		}
		must(t, client.Close(t.Context()))
	})
}
