package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// maxBody of an answer in bytes. Beyond it nothing is read.
const maxBody = 1 << 20

// client speaks to one endpoint.
type client struct {
	root *url.URL
	key  string
	http *http.Client
}

// newClient honours the proxy of the environment and follows no redirect: the key goes where the operator said and
// nowhere else. Calls are rare, so that connections are not kept.
func newClient(root *url.URL, key string) *client {
	return &client{root: root, key: key, http: &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// completion is a request for one answer.
type completion struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"`
	MaxTokens           int             `json:"max_tokens,omitempty"`
	MaxCompletionTokens int             `json:"max_completion_tokens,omitempty"`
	ResponseFormat      *responseFormat `json:"response_format,omitempty"`
}

type responseFormat struct {
	Type   string      `json:"type"`
	Schema *jsonSchema `json:"json_schema,omitempty"`
}

type jsonSchema struct {
	Name   string          `json:"name"`
	Strict bool            `json:"strict"`
	Schema json.RawMessage `json:"schema"`
}

// completed is the part of the server's answer that is used.
type completed struct {
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
	} `json:"usage"`
}

// reply is what one exchange brought.
type reply struct {
	content string
	usage   *proposal.Usage // without its cost; nil when the server did not say
	billed  bool            // the server may have counted tokens, whatever became of its answer
}

// fault is an exchange that brought no answer.
type fault struct {
	reason     proposal.Reason
	status     int           // 0 without an answer
	again      bool          // another try may help
	retryAfter time.Duration // the server's wish; 0 when it has none
	err        error
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %v", f.reason, f.err) }

// exchange sends one request. What it was billed for is known even when it fails.
func (c *client) exchange(ctx context.Context, body []byte) (r reply, f *fault) {
	sent := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) { sent = info.Err == nil }})
	response, err := c.do(ctx, http.MethodPost, "/chat/completions", bytes.NewReader(body))
	if err != nil {
		return reply{billed: sent}, lost(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return reply{}, refused(response)
	}
	r.billed = true
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return r, lost(ctx, err)
	}
	if len(raw) > maxBody {
		return r, &fault{reason: proposal.InvalidAnswer, status: http.StatusOK, err: fmt.Errorf("the answer has more than %d bytes", maxBody)}
	}
	var answer completed
	if err := json.Unmarshal(raw, &answer); err != nil {
		return r, &fault{reason: proposal.Unavailable, status: http.StatusOK, err: errors.New("the answer is no chat completion: is SPECTER_LLM_BASE_URL an OpenAI-compatible API?")}
	}
	if u := answer.Usage; u != nil && u.PromptTokens > 0 && u.CompletionTokens >= 0 {
		r.usage = &proposal.Usage{TokensIn: u.PromptTokens, TokensOut: u.CompletionTokens}
	}
	switch {
	case len(answer.Choices) == 0:
		return r, &fault{reason: proposal.Unavailable, status: http.StatusOK, err: errors.New("the answer has no choices")}
	case answer.Choices[0].FinishReason == "length":
		return r, &fault{reason: proposal.InvalidAnswer, status: http.StatusOK, err: errors.New("the answer was cut off at SPECTER_LLM_MAX_TOKENS")}
	case answer.Choices[0].Message.Content == "":
		return r, &fault{reason: proposal.InvalidAnswer, status: http.StatusOK, err: errors.New("the answer has no content")}
	}
	r.content = answer.Choices[0].Message.Content
	return r, nil
}

func (c *client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.root.JoinPath(path).String(), body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "specter")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	return c.http.Do(request)
}

// lost is the fault of a connection that brought nothing, or not all of it.
func lost(ctx context.Context, err error) *fault {
	if ctx.Err() != nil {
		return &fault{reason: proposal.TimedOut, err: ctx.Err()}
	}
	return &fault{reason: proposal.Unavailable, again: true, err: err}
}

// refused is the fault of a status. The body is read only for what it says about our own parameters.
func refused(response *http.Response) *fault {
	f := &fault{reason: proposal.Unavailable, status: response.StatusCode}
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests:
		f.reason, f.again, f.retryAfter = proposal.RateLimited, true, retryAfter(response.Header)
		f.err = errors.New("the API answers 429: too many requests, or its quota is used up")
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		f.again, f.retryAfter = true, retryAfter(response.Header)
		f.err = fmt.Errorf("the API answers %d", status)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		f.err = fmt.Errorf("the API answers %d: is SPECTER_LLM_API_KEY right, and may it use the model?", status)
	case status == http.StatusNotFound:
		f.err = errors.New("the API answers 404: are SPECTER_LLM_BASE_URL and SPECTER_LLM_MODEL right?")
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		f.err = fmt.Errorf("the API answers with a redirect (%d): set SPECTER_LLM_BASE_URL to where it leads", status)
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		text, _ := io.ReadAll(io.LimitReader(response.Body, 8<<10))
		f.err = &unsupported{status: status, maxTokens: strings.Contains(string(text), "max_completion_tokens")}
	default:
		f.err = fmt.Errorf("the API answers %d", status)
	}
	return f
}

// unsupported is a request that the server does not take as it is.
type unsupported struct {
	status    int
	maxTokens bool // it wants the limit under its newer name
}

func (u *unsupported) Error() string {
	return fmt.Sprintf("the API answers %d to the request", u.status)
}

// mostRetryAfter is longer than any deadline.
const mostRetryAfter = 24 * time.Hour

// retryAfter reads RFC 9110's header: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
		return time.Duration(min(seconds, mostRetryAfter.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(0, at.Sub(now)), mostRetryAfter)
}
