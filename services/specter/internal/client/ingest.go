package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// maxEvent bounds one server-sent event: a payload and its surroundings.
const maxEvent = 256 << 10

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
	response, err := c.api.StreamSignals(ctx, product, params)
	if err != nil {
		if ctx.Err() != nil {
			return lastEvent, nil
		}
		return lastEvent, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var body bytes.Buffer
		_, _ = body.ReadFrom(http.MaxBytesReader(nil, response.Body, 1<<20)) // whatever could be read explains it
		return lastEvent, refusal(response.StatusCode, body.Bytes())
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 0, 16<<10), maxEvent)
	var id, data strings.Builder
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && data.Len() > 0:
			var signal api.Signal
			if err := json.Unmarshal([]byte(data.String()), &signal); err != nil {
				return lastEvent, fmt.Errorf("reading an event of the stream: %w", err)
			}
			if id.Len() > 0 {
				lastEvent = id.String()
			}
			data.Reset()
			id.Reset()
			if err := seen(signal); err != nil {
				return lastEvent, err
			}
		case field == "data":
			data.WriteString(value)
		case field == "id":
			id.Reset()
			id.WriteString(value)
		}
	}
	if ctx.Err() != nil {
		return lastEvent, nil
	}
	if err := lines.Err(); err != nil {
		return lastEvent, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return lastEvent, fmt.Errorf("%w: %w", ErrUnreachable, errors.New("the stream ended"))
}
