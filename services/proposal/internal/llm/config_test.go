package llm_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/proposal/internal/llm"
	"github.com/draftlabs/specter/services/proposal/internal/llm/llmtest"
)

func valid() llm.Config {
	return llm.Config{BaseURL: "https://api.example/v1", APIKey: key, Model: "m", Timeout: time.Minute, MaxTokens: 4096}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, llm.Config{}.Validate())
	require.NoError(t, valid().Validate())
	for wrong, change := range map[string]func(*llm.Config){
		"SPECTER_LLM_BASE_URL is not":       func(c *llm.Config) { c.BaseURL = "" },
		"must begin with https":             func(c *llm.Config) { c.BaseURL = "api.example" },
		"it is no URL":                      func(c *llm.Config) { c.BaseURL = "https://api.example/%zz" },
		"key in SPECTER_LLM_API_KEY":        func(c *llm.Config) { c.BaseURL = "https://me:hush@api.example" },
		"query and fragment":                func(c *llm.Config) { c.BaseURL = "https://api.example/?key=hush" },
		"in the open":                       func(c *llm.Config) { c.BaseURL = "http://api.example" },
		"SPECTER_LLM_MODEL is not set":      func(c *llm.Config) { c.Model = "" },
		"no header can carry":               func(c *llm.Config) { c.APIKey = "a\nb" },
		"SPECTER_LLM_TIMEOUT":               func(c *llm.Config) { c.Timeout = time.Hour },
		"SPECTER_LLM_MAX_TOKENS":            func(c *llm.Config) { c.MaxTokens = 1 },
		"may not be negative":               func(c *llm.Config) { c.DailyTokens = -1 },
		"must be between 0 and":             func(c *llm.Config) { c.PriceIn = -1 },
		"SPECTER_LLM_DAILY_COST needs":      func(c *llm.Config) { c.DailyCost = 1 },
		"SPECTER_LLM_TIMEOUT: 0s is not be": func(c *llm.Config) { c.Timeout = 0 },
	} {
		c := valid()
		change(&c)
		err := c.Validate()
		require.ErrorContains(t, err, wrong)
		require.NotContains(t, err.Error(), "hush")
	}
	for _, private := range []string{"http://localhost:11434", "http://127.0.0.1:1/v1", "http://[::1]:80", "http://10.1.2.3", "http://192.168.0.5/v1/"} {
		c := valid()
		c.BaseURL = private
		require.NoError(t, c.Validate(), private)
	}
	named := valid()
	named.BaseURL, named.AllowHTTP = "http://ollama:11434", true
	require.NoError(t, named.Validate())
}

// TestTheBaseURLMayBeWrittenAsPeopleDo: with and without the version, with the path of a gateway, or down to the method.
func TestTheBaseURLMayBeWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for suffix, want := range map[string]string{
		"": "/v1/models", "/": "/v1/models", "/v1": "/v1/models", "/v1/": "/v1/models", "/v1/chat/completions": "/v1/models", "/openai": "/openai/v1/models",
		"/api/v3": "/api/v3/models", "/v1beta": "/v1beta/models",
	} {
		server := llmtest.Start(t, llmtest.Body(http.StatusOK, "application/json", map[string]any{"data": []any{map[string]any{"id": "m"}}}))
		c := valid()
		c.BaseURL = server.URL + suffix
		detail, _, err := llm.Probe(t.Context(), c)
		require.NoError(t, err)
		require.Contains(t, detail, "m")
		require.Equal(t, want, server.Requests()[0].Path)
	}
}

func TestAProbeSaysWhatToDo(t *testing.T) {
	t.Parallel()
	models := func(ids ...string) map[string]any {
		data := []any{}
		for _, id := range ids {
			data = append(data, map[string]any{"id": id})
		}
		return map[string]any{"object": "list", "data": data}
	}
	for name, c := range map[string]struct {
		answer           llmtest.Behaviour
		detail, fix, err string
	}{
		"listed":       {answer: llmtest.Body(http.StatusOK, "application/json", models("other", "m")), detail: "answers, m"},
		"with a tag":   {answer: llmtest.Body(http.StatusOK, "application/json", models("m:latest")), detail: "answers, m"},
		"empty list":   {answer: llmtest.Body(http.StatusOK, "application/json", models()), detail: "answers, m"},
		"no list":      {answer: llmtest.Status(http.StatusNotFound, ""), detail: "could not be looked up"},
		"unknown":      {answer: llmtest.Body(http.StatusOK, "application/json", models("a", "b")), err: "has 2 models, and m is none of them", fix: "SPECTER_LLM_MODEL"},
		"wrong key":    {answer: llmtest.Status(http.StatusUnauthorized, ""), err: "refuses the key (401)", fix: "SPECTER_LLM_API_KEY"},
		"broken":       {answer: llmtest.Status(http.StatusBadGateway, ""), err: "answers 502", fix: "built-in"},
		"a page":       {answer: llmtest.Body(http.StatusOK, "text/html", "<html>"), err: "not with a list of models", fix: "SPECTER_LLM_BASE_URL"},
		"endless":      {answer: llmtest.Body(http.StatusOK, "text/html", strings.Repeat(" ", 2<<20)), err: "not with a list of models", fix: "SPECTER_LLM_BASE_URL"},
		"hangs up":     {answer: llmtest.Break, err: "no answer", fix: "reach it"},
		"goes astray":  {answer: redirect, err: "answers 307", fix: "provider"},
		"not its kind": {answer: llmtest.Body(http.StatusOK, "application/json", `{"models":[]}`), err: "not with a list", fix: "/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.Start(t, c.answer)
			config := valid()
			config.BaseURL = server.URL
			detail, fix, err := llm.Probe(t.Context(), config)
			if c.err == "" {
				require.NoError(t, err)
				require.Contains(t, detail, c.detail)
				return
			}
			require.ErrorContains(t, err, c.err)
			require.NotContains(t, err.Error(), key)
			require.Contains(t, fix, c.fix)
		})
	}
}

// TestTheProxyOfTheEnvironmentIsHonoured reaches a host that only the proxy knows, in a process of its own: net/http reads
// the environment once.
func TestTheProxyOfTheEnvironmentIsHonoured(t *testing.T) {
	t.Parallel()
	if os.Getenv("HTTP_PROXY_OF_THIS_TEST") != "" {
		c := valid()
		c.BaseURL, c.AllowHTTP = "http://llm.invalid", true
		_, _, err := llm.Probe(t.Context(), c)
		require.NoError(t, err)
		return
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "llm.invalid" {
			llmtest.Body(http.StatusOK, "application/json", map[string]any{"data": []any{}})(w, r, llmtest.Request{})
		}
	}))
	t.Cleanup(proxy.Close)
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheProxyOfTheEnvironmentIsHonoured$")
	again.Env = append(os.Environ(), "HTTP_PROXY="+proxy.URL, "HTTP_PROXY_OF_THIS_TEST=1")
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
}
