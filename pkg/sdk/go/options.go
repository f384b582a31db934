package specter

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of New, and what is not worth an option.
const (
	DefaultBatchSize     = 100
	DefaultFlushInterval = 3 * time.Second
	DefaultMaxQueue      = 10_000

	// MaxBatchSize is what the server takes in one request.
	MaxBatchSize = 1000

	requestTimeout = 10 * time.Second // of the client made when WithHTTPClient is not given
)

// Option configures a Client.
type Option func(*settings) error

type settings struct {
	host          *url.URL
	token         string
	contextID     string
	batchSize     int
	flushInterval time.Duration
	maxQueue      int
	slowRequest   time.Duration
	route         func(*http.Request) string
	http          *http.Client
	onError       func(error)
	log           *slog.Logger
	now           func() time.Time
}

// WithHost sets the base URL of the Specter installation. It is required: Specter is self-hosted,
// and there is no address that is right for everybody.
func WithHost(base string) Option {
	return func(s *settings) error {
		parsed, err := url.Parse(strings.TrimRight(base, "/"))
		switch {
		case err != nil:
			return errors.New("the host is not a URL") // err would repeat the URL, which may hold a password
		case parsed.Scheme != "https" && parsed.Scheme != "http", parsed.Host == "":
			return errors.New("the host must be an http or https URL")
		case parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil:
			return errors.New("the host must have no query, fragment or password")
		}
		s.host = parsed
		return nil
	}
}

// WithToken sets the access token (spt_…) that Proposals and Deployments use. Signals are sent with
// the API key, never with the token.
func WithToken(token string) Option {
	return func(s *settings) error {
		if !strings.HasPrefix(token, "spt_") || !headerSafe(token) {
			return errors.New("an access token begins with spt_")
		}
		s.token = token
		return nil
	}
}

// WithContextID sets the context of every signal that names no other. Default: the product's
// default context.
func WithContextID(id string) Option {
	return func(s *settings) error {
		if !isUUID(id) {
			return errors.New("the context id is not a UUID")
		}
		s.contextID = id
		return nil
	}
}

// WithBatchSize sets how many signals one request carries at most, 1 to MaxBatchSize; when that many
// wait, they leave at once. Default 100.
func WithBatchSize(signals int) Option {
	return func(s *settings) error {
		if signals < 1 || signals > MaxBatchSize {
			return fmt.Errorf("the batch size must be 1 to %d", MaxBatchSize)
		}
		s.batchSize = signals
		return nil
	}
}

// WithFlushInterval sets how long a signal waits at most for others to fill its batch. Default 3 s.
func WithFlushInterval(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return errors.New("the flush interval must be positive")
		}
		s.flushInterval = d
		return nil
	}
}

// WithMaxQueue sets how many signals may wait, for instance while the server is away; beyond it (or
// beyond 32 MiB) new signals are dropped. Default 10,000.
func WithMaxQueue(signals int) Option {
	return func(s *settings) error {
		if signals < 1 {
			return errors.New("the queue must hold at least one signal")
		}
		s.maxQueue = signals
		return nil
	}
}

// WithHTTPClient sets the client for all requests; it should have a timeout. Redirects are not
// followed, whatever the client says: they would carry the key to another host. Default: a client of
// its own with a timeout of 10 s.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("the HTTP client is nil")
		}
		s.http = client
		return nil
	}
}

// WithOnError sets what is told about every signal that will not arrive: *RejectedError and
// *LossError. It is called by the sending goroutine, one call at a time; it must not call Flush or
// Close. Default: nobody is told, but WithLogger.
func WithOnError(report func(error)) Option {
	return func(s *settings) error {
		s.onError = report
		return nil
	}
}

// WithLogger sets a logger for failed attempts (warnings) and losses (errors). Neither payloads nor
// the key are logged. Default: nothing is logged.
func WithLogger(log *slog.Logger) Option {
	return func(s *settings) error {
		if log == nil {
			return errors.New("the logger is nil")
		}
		s.log = log
		return nil
	}
}

// WithClock sets the clock that timestamps signals and requests, for tests. It has no influence on
// waiting. Default time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *settings) error {
		if now == nil {
			return errors.New("the clock is nil")
		}
		s.now = now
		return nil
	}
}

// WithSlowRequests has Middleware send slow_request for requests that took at least d. Default: off.
func WithSlowRequests(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return errors.New("the time of a slow request must be positive")
		}
		s.slowRequest = d
		return nil
	}
}

// WithRoute tells Middleware the pattern a request was routed by, for routers other than
// http.ServeMux. It is asked after the request was handled. Default: http.Request.Pattern, or the
// path with everything that looks like an id masked.
func WithRoute(route func(*http.Request) string) Option {
	return func(s *settings) error {
		s.route = route
		return nil
	}
}

// newSettings applies options to the defaults and checks the whole.
func newSettings(key string, options []Option) (settings, error) {
	s := settings{
		batchSize: DefaultBatchSize, flushInterval: DefaultFlushInterval, maxQueue: DefaultMaxQueue,
		onError: func(error) {}, log: slog.New(slog.DiscardHandler), now: time.Now,
	}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&s); err != nil {
			return s, fmt.Errorf("specter: %w", err)
		}
	}
	switch {
	case s.host == nil:
		return s, errors.New("specter: the host is missing, see WithHost")
	case key == "" && s.token == "":
		return s, errors.New("specter: the API key is missing (spk_…)")
	case key != "" && (!strings.HasPrefix(key, "spk_") || !headerSafe(key)):
		return s, errors.New("specter: an API key begins with spk_")
	}
	if s.onError == nil {
		s.onError = func(error) {}
	}
	return s, nil
}

// headerSafe reports whether a secret can stand in a header as it is.
func headerSafe(secret string) bool {
	return strings.IndexFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
