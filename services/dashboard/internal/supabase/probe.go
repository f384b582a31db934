package supabase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ErrNoKeySet: the server is there, but shows no list of keys, not even an empty one.
var ErrNoKeySet = errors.New("no key set")

// Probe asks the server for its settings and counts the keys that it shows, if those are believed. Nothing is changed by it.
func (c *Client) Probe(ctx context.Context) (keys int, err error) {
	if err := c.call(ctx, request{method: http.MethodGet, path: "/settings"}, nil); err != nil {
		return 0, fmt.Errorf("asking for its settings: %w", err)
	}
	if c.tokens.set.url == "" {
		return 0, nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.tokens.set.url, nil)
	if err != nil {
		return 0, fmt.Errorf("asking for its keys: %w", err)
	}
	client := http.Client{Timeout: requestTimeout, Transport: c.transport}
	res, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("asking for its keys: %w", cause(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%w: asking for its keys: %w", ErrNoKeySet, refused(res))
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&set); err != nil {
		return 0, fmt.Errorf("reading its keys: %w", err)
	}
	return len(set.Keys), nil
}
