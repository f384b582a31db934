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
	"strings"
	"time"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/draftlabs/specter/pkg/safehttp"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/sealed"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
)

const (
	userAgent = "Specter-Webhooks/1"

	maxExcerpt = 500 // bytes of an answer that are kept
	maxError   = 300
)

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
	answer := delivery.Answer{At: started}
	request, err := s.request(ctx, d, e, started)
	if err == nil {
		err = s.do(request, &answer)
	}
	if err != nil {
		answer.Error = describe(err)
	}
	answer.Took = max(0, s.now().Sub(started))
	return answer
}

func (s *Sender) request(ctx context.Context, d delivery.Delivery, e delivery.Endpoint, at time.Time) (*http.Request, error) {
	secret, err := s.secrets.Open(e.SealedSecret)
	if err != nil {
		return nil, errors.New("the endpoint's secret cannot be opened with this installation's secret key")
	}
	signer, err := standardwebhooks.NewWebhook(string(secret))
	if err != nil {
		return nil, errors.New("the endpoint's secret is not a whsec_ secret")
	}
	// The same id for every attempt and every endpoint: receivers drop what they have seen by it.
	id := d.EventID.String()
	signature, err := signer.Sign(id, at, d.Body)
	if err != nil {
		return nil, errors.New("signing failed")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(d.Body))
	if err != nil {
		return nil, errors.New("the endpoint's URL is not well formed")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return request, nil
}

func (s *Sender) do(request *http.Request, answer *delivery.Answer) error {
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer.Code = response.StatusCode
	answer.RetryAfter = retryAfter(response.Header.Get("Retry-After"), s.now())
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

// excerpt is what people may read of an answer: text without secrets or control characters.
func (s *Sender) excerpt(body []byte) string {
	text := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || (r < ' ' && r != '\n' && r != '\t') {
			return -1
		}
		return r
	}, string(body))
	text, _ = s.scrub.Text(text)
	return cut(text, maxExcerpt)
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

// describe says what went wrong without the URL, whose query may hold a secret.
func describe(err error) string {
	var refused *safehttp.Error
	var wrapped *url.Error
	var network net.Error
	switch {
	case errors.As(err, &refused):
		return cut(refused.Error(), maxError)
	case errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.As(err, &wrapped):
		return cut(wrapped.Err.Error(), maxError)
	default:
		return cut(err.Error(), maxError)
	}
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
