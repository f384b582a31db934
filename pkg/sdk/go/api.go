package specter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

const (
	readAttempts = 4
	maxDocument  = 16 << 20 // bytes of an answer of the API
)

// call makes one request of the account's API. A read is tried a few times like a batch of signals; a
// write is not, because it may have been done though its answer was lost. out may be nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	if c.token == "" {
		return ErrNoToken
	}
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("specter: encoding a request: %w", err)
		}
	}
	target := c.host.JoinPath(path)
	target.RawQuery = query.Encode()
	for attempt := 1; ; attempt++ {
		err := c.callOnce(ctx, method, target.String(), body, out)
		if err == nil || method != http.MethodGet || attempt == readAttempts || !isRetryable(err) {
			return err
		}
		timer := time.NewTimer(backoff(attempt, err))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (c *Client) callOnce(ctx context.Context, method, target string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("specter: making a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.do(request)
	if err != nil {
		return err
	}
	defer closeBody(response)
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		return fmt.Errorf("specter: reading the answer: %w", err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return nil
}

// list reads a list page by page as it is ranged over. It ends after the first error.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := cloneValues(query) // the sequence may be ranged over again
		for {
			var page struct {
				Items []T    `json:"items"`
				Next  string `json:"next_cursor"`
			}
			if err := c.call(ctx, http.MethodGet, path, query, nil, &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" || page.Next == query.Get("cursor") {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

func cloneValues(query url.Values) url.Values {
	out := url.Values{"limit": {"100"}}
	for name, values := range query {
		out[name] = values
	}
	return out
}

// idPath is a path of one thing. An id that is none is refused here: as part of a path it could lead
// somewhere else.
func idPath(prefix, id, suffix string) (string, error) {
	if !isUUID(id) {
		return "", errors.New("specter: the id is not a UUID")
	}
	return prefix + id + suffix, nil
}
