package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// Bounds of one call.
const (
	requestTimeout = 30 * time.Second
	maxAttempts    = 6
	firstBackoff   = 100 * time.Millisecond
	maxBackoff     = 5 * time.Second
	maxAnswer      = 16 << 20 // bytes of one answer
)

// Client talks to one Specter as one account. It is safe for concurrent use once signed in.
type Client struct {
	base  string
	http  *http.Client
	api   *api.Client
	token string
	csrf  string
}

// Error is a refusal of the server.
type Error struct {
	Status    int
	Code      string // stable, e.g. "not_found"
	Detail    string
	RequestID string
	Fields    []api.ProblemField
}

func (e *Error) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.Status, e.Code)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	for _, field := range e.Fields {
		text += fmt.Sprintf(" (%s: %s)", field.Pointer, field.Detail)
	}
	if e.RequestID != "" {
		text += " [request " + e.RequestID + "]"
	}
	return text
}

// ErrUnreachable wraps every failure to get any answer.
var ErrUnreachable = errors.New("no answer from the server")

// HasCode reports whether err is a refusal with this code.
func HasCode(err error, code string) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == code
}

// New returns a client of the Specter at base, e.g. http://127.0.0.1:8080. An empty token
// is for SignUp and LogIn, which open a session instead.
func New(base, token string) (*Client, error) {
	parsed, err := url.Parse(base)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the URL of a Specter (such as http://127.0.0.1:8080)", base)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("making a cookie jar: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	c := &Client{
		base: strings.TrimRight(base, "/"), token: token,
		http: &http.Client{
			Transport: transport, Jar: jar,
			// A redirect would carry the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.api, err = api.NewClient(c.base, api.WithHTTPClient(c.http), api.WithRequestEditorFn(c.authorize))
	if err != nil {
		return nil, fmt.Errorf("making the client of %s: %w", base, err)
	}
	return c, nil
}

// Base returns the server's URL without a trailing slash.
func (c *Client) Base() string { return c.base }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) authorize(_ context.Context, r *http.Request) error {
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	} else if c.csrf != "" && r.Method != http.MethodGet {
		r.Header.Set("X-CSRF-Token", c.csrf)
	}
	r.Header.Set("User-Agent", "specter-cli")
	return nil
}

// attempt is one try of a request.
type attempt func(ctx context.Context) (*http.Response, error)

// call tries a request until it is answered for good and reads the answer into out, which
// may be nil, or a *[]byte for an answer that is not JSON. A lost connection is tried again only when repeating does no harm.
func call(ctx context.Context, repeatable bool, out any, try attempt) error {
	backoff := firstBackoff
	for n := 1; ; n++ {
		wait, err := once(ctx, out, try)
		var refused *Error
		// What a plan allows is used up for hours.
		again := errors.As(err, &refused) && refused.Code != "quota_exceeded" && (refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusServiceUnavailable) ||
			repeatable && errors.Is(err, ErrUnreachable)
		if err == nil || !again || n == maxAttempts || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(min(max(wait, backoff), maxBackoff))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		backoff *= 2
	}
}

func once(ctx context.Context, out any, try attempt) (retryAfter time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	response, err := try(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, fmt.Errorf("%w: reading it: %w", ErrUnreachable, err)
	}
	if len(body) > maxAnswer {
		return 0, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return time.Duration(seconds) * time.Second, refusal(response.StatusCode, body)
	}
	switch out := out.(type) {
	case nil:
		return 0, nil
	case *[]byte:
		*out = body
		return 0, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return 0, fmt.Errorf("reading the answer as JSON (is this a Specter?): %w", err)
	}
	return 0, nil
}

func refusal(status int, body []byte) error {
	e := &Error{Status: status, Code: http.StatusText(status)}
	var problem api.Problem
	if json.Unmarshal(body, &problem) == nil && problem.Code != "" {
		e.Code = problem.Code
		if problem.Detail != nil {
			e.Detail = *problem.Detail
		}
		if problem.RequestId != nil {
			e.RequestID = *problem.RequestId
		}
		if problem.Errors != nil {
			e.Fields = *problem.Errors
		}
	}
	return e
}
