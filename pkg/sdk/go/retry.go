package specter

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	firstWait     = 500 * time.Millisecond
	maxWait       = time.Minute
	maxRetryAfter = 30 * time.Minute // a spent monthly quota may come back earlier than announced

	// The server remembers ids for 24 hours; what is sent again later could count twice.
	maxOutage = 20 * time.Hour
	// maxUnlucky is how often an answer that may be due to the batch itself is believed to be chance.
	maxUnlucky = 10
)

// isRetryable reports whether the same request may succeed later.
func isRetryable(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status == http.StatusTooManyRequests || refused.Status >= 500
	}
	return true // the network, or not a Specter server yet
}

// isOutage reports whether the failure has nothing to do with what was sent.
func isOutage(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return true
	}
	switch refused.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// backoff is how long to wait after the given attempt (from 1): 0.5 s doubled each time, up to a
// minute, ± 50 % so that clients that failed together do not return together; never less than the
// server asked for, up to half an hour.
func backoff(attempt int, err error) time.Duration {
	wait := maxWait
	if doublings := attempt - 1; doublings < 7 {
		wait = min(firstWait<<doublings, maxWait)
	}
	wait = wait/2 + rand.N(wait)
	var refused *Error
	if errors.As(err, &refused) {
		wait = max(wait, min(refused.RetryAfter, maxRetryAfter))
	}
	return wait
}

// refusal reads an answer that is no success.
func refusal(response *http.Response, now time.Time) *Error {
	refused := &Error{
		Status:     response.StatusCode,
		RequestID:  response.Header.Get("X-Request-Id"),
		RetryAfter: retryAfter(response.Header.Get("Retry-After"), now),
	}
	var problem struct {
		Code      string       `json:"code"`
		Detail    string       `json:"detail"`
		Title     string       `json:"title"`
		RequestID string       `json:"request_id"`
		Errors    []FieldError `json:"errors"`
	}
	// Without a readable problem the status says it all.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if json.Unmarshal(text, &problem) == nil {
		refused.Code, refused.Detail, refused.Fields = problem.Code, problem.Detail, problem.Errors
		if refused.Detail == "" {
			refused.Detail = problem.Title
		}
		if problem.RequestID != "" {
			refused.RequestID = problem.RequestID
		}
	}
	if response.StatusCode/100 == 3 {
		refused.Detail = "redirects are not followed; set the host to the address redirected to"
	}
	return refused
}

// retryAfter reads both forms of the header (RFC 9110 §10.2.3): seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return time.Duration(max(0, seconds)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
