package specter

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const hookToken = "sph_0000000000000000000000000000000000000"

func TestAPipelineReportsWithoutAToken(t *testing.T) {
	t.Parallel()
	tries := 0
	var body map[string]any
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "0")
			refuse(http.StatusServiceUnavailable, "unavailable")(w, r)
			return
		}
		equal(t, "path", r.URL.Path, "/api/hooks/deploy/"+hookToken)
		equal(t, "credentials", r.Header.Get("Authorization"), "")
		must(t, json.NewDecoder(r.Body).Decode(&body))
		_, _ = io.WriteString(w, `{"receipt_id":"x","result":"matched","reason":"1 deployment is deployed now.","deployments":["`+someID+`"]}`)
	}))
	defer hook.Close()
	share := 10.0
	answer, err := ReportDeploy(t.Context(), hook.URL+"/api/hooks/deploy/"+hookToken, DeployReport{Commit: "abcdef1", Proposals: []string{someID}, CanaryShare: &share})
	must(t, err)
	equal(t, "result", answer.Result, "matched")
	equal(t, "deployments", strings.Join(answer.Deployments, ","), someID)
	equal(t, "tries", tries, 2)
	equal(t, "fields", len(body), 3)
	equal(t, "share", body["canary_share"].(float64), 10)
}

// TestTheAddressOfAHookIsInNoError: whoever can read a pipeline's log could report deployments.
func TestTheAddressOfAHookIsInNoError(t *testing.T) {
	t.Parallel()
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"refused":  refuse(http.StatusNotFound, "not_found"),
		"not ours": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"redirected": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
	} {
		hook := httptest.NewServer(answer)
		_, err := ReportDeploy(t.Context(), hook.URL+"/api/hooks/deploy/"+hookToken, DeployReport{Version: "1"})
		hook.Close()
		equal(t, name, err != nil, true)
		equal(t, name+" tells the address", strings.Contains(err.Error(), "sph_"), false)
	}
	equal(t, "redirects followed", elsewhere, 0)
	for _, address := range []string{"", "example.com/" + hookToken, "ftp://x/" + hookToken, "http://%zz/" + hookToken, "https:///" + hookToken} {
		_, err := ReportDeploy(t.Context(), address, DeployReport{Version: "1"})
		equal(t, address, err != nil && !strings.Contains(err.Error(), "sph_"), true)
	}
}
