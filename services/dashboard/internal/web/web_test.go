package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/draftlabs/specter/services/dashboard/internal/web"
)

func get(t *testing.T, method, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Result()
}

func TestEveryPathOfTheAppOpensThePage(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/", "/p/0190/proposals", "/sign-in", "/../../etc/passwd"} {
		res := get(t, http.MethodGet, target)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s answered %d; is the web app built?", target, res.StatusCode)
		}
		if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: content type %q", target, got)
		}
		if got := res.Header.Get("Content-Security-Policy"); got == "" {
			t.Errorf("%s: no Content-Security-Policy", target)
		}
	}
}

func TestAssetsAreImmutableAndMissingOnesAreNotThePage(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	asset := regexp.MustCompile(`/assets/[^"]+\.js`).FindString(w.Body.String())
	if asset == "" {
		t.Fatal("the page names no script: is the web app built?")
	}
	if got := get(t, http.MethodGet, asset).Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("cache control %q", got)
	}
	if got := get(t, http.MethodGet, "/assets/gone.js").StatusCode; got != http.StatusNotFound {
		t.Errorf("a missing asset answered %d", got)
	}
	if got := get(t, http.MethodPost, "/").StatusCode; got != http.StatusMethodNotAllowed {
		t.Errorf("POST answered %d", got)
	}
}
