package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// LiveSignal is a signal sent now, through the ingest door and with an ingest key.
type LiveSignal struct {
	ID        uuid.UUID      `json:"id"` // makes a repeated send count once
	Type      string         `json:"type"`
	Payload   map[string]any `json:"payload,omitempty"`
	ContextID *uuid.UUID     `json:"context_id,omitempty"`
	SessionID string         `json:"session_id,omitempty"`
}

// Send delivers one live signal; it returns after the signal is durable.
func (c *Client) Send(ctx context.Context, ingestKey string, signal LiveSignal) error {
	body, err := json.Marshal(signal)
	if err != nil {
		return err
	}
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/signals", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Api-Key", ingestKey)
		return c.http.Do(request)
	})
}

// Tail calls seen for every signal of a product as it is stored, until ctx ends or the
// stream breaks; it returns nil in the first case. lastEvent resumes an earlier stream;
// the id of the last event seen is returned.
func (c *Client) Tail(ctx context.Context, product uuid.UUID, lastEvent string, seen func(api.Signal) error) (string, error) {
	params := &api.StreamSignalsParams{}
	if lastEvent != "" {
		params.LastEventID = &lastEvent
	}
	return follow(ctx, lastEvent, seen, func() (*http.Response, error) { return c.api.StreamSignals(ctx, product, params) })
}
