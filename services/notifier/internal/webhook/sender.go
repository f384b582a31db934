package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/draftlabs/specter/pkg/safehttp"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/sealed"
	"github.com/draftlabs/specter/pkg/webhook"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
)

const userAgent = "Specter-Webhooks/1"

// Sender implements delivery.Sender.
type Sender struct {
	client  *http.Client
	secrets *sealed.Box
	scrub   *scrub.Scrubber
	now     func() time.Time
}

// NewSender sends through guard and opens the endpoints' secrets with box.
func NewSender(guard *safehttp.Guard, box *sealed.Box, now func() time.Time) *Sender {
	return &Sender{client: guard.Client(), secrets: box, scrub: scrub.New(scrub.Options{}), now: now}
}

// Send makes one request. Whatever goes wrong is part of the answer: the person who owns the
// endpoint reads it in the delivery log.
func (s *Sender) Send(ctx context.Context, d delivery.Delivery, e delivery.Endpoint) delivery.Answer {
	started := s.now()
	answer := delivery.Answer{At: started, URL: s.plainURL(e.URL)}
	request, err := s.request(ctx, d, e, started)
	if err == nil {
		answer.RequestHeaders = requestHeaders(request.Header)
		err = s.do(request, &answer)
	}
	if err != nil {
		answer.Error = describe(err)
	}
	answer.Took = max(0, s.now().Sub(started))
	return answer
}

func (s *Sender) request(ctx context.Context, d delivery.Delivery, e delivery.Endpoint, at time.Time) (*http.Request, error) {
	secrets, err := s.open(e, at)
	if err != nil {
		return nil, err
	}
	// The same id for every attempt and every endpoint: receivers drop what they have seen by it.
	signed, err := webhook.Sign(d.EventID.String(), at, d.Body, secrets...)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(d.Body))
	if err != nil {
		return nil, errors.New("the endpoint's URL is not well formed")
	}
	request.Header = signed
	request.Header.Set("User-Agent", userAgent)
	return request, nil
}

// open returns the endpoint's secret and, while both are good, the one before it.
func (s *Sender) open(e delivery.Endpoint, at time.Time) ([]string, error) {
	sealedSecrets := [][]byte{e.SealedSecret}
	if len(e.SealedPrevious) > 0 && at.Before(e.PreviousUntil) {
		sealedSecrets = append(sealedSecrets, e.SealedPrevious)
	}
	secrets := make([]string, len(sealedSecrets))
	for i, kept := range sealedSecrets {
		secret, err := s.secrets.Open(kept)
		if err != nil {
			return nil, errors.New("the endpoint's secret cannot be opened with this installation's secret key")
		}
		secrets[i] = string(secret)
	}
	return secrets, nil
}

func (s *Sender) do(request *http.Request, answer *delivery.Answer) error {
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer.Code = response.StatusCode
	answer.RetryAfter = retryAfter(response.Header.Get("Retry-After"), s.now())
	answer.ResponseHeaders = s.responseHeaders(response.Header)
	// The status is the answer; a body that breaks off changes nothing.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxExcerpt))
	answer.Excerpt = s.excerpt(body)
	if !answer.OK() {
		answer.Error = "answered " + strconv.Itoa(response.StatusCode)
		if response.StatusCode/100 == 3 {
			answer.Error += "; redirects are not followed"
		}
	}
	return nil
}

// retryAfter reads both forms of the header (RFC 9110): seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 && seconds < 1e6 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// describe says what went wrong without the URL, whose query may hold a secret, and without addresses,
// which tell of the network that Specter is in.
func describe(err error) string {
	var refused *safehttp.Error
	var wrapped *url.Error
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.As(err, &refused):
		return cut(refused.Error(), maxError)
	case errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.Is(err, safehttp.ErrProxy):
		return "the way out of Specter's network failed; its operator can find out why"
	case errors.As(err, &operation):
		return cut(operation.Op+": "+operation.Err.Error(), maxError)
	case errors.As(err, &wrapped):
		return cut(wrapped.Err.Error(), maxError)
	default:
		return cut(err.Error(), maxError)
	}
}
