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
)

// maxEvent bounds one server-sent event: a payload and its surroundings.
const maxEvent = 256 << 10

// follow reads server-sent events whose data is a T until ctx is done, seen returns an error or the
// stream breaks, and returns the id to go on from.
func follow[T any](ctx context.Context, lastEvent string, seen func(T) error, open func() (*http.Response, error)) (string, error) {
	response, err := open()
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
			var event T
			if err := json.Unmarshal([]byte(data.String()), &event); err != nil {
				return lastEvent, fmt.Errorf("reading an event of the stream: %w", err)
			}
			if id.Len() > 0 {
				lastEvent = id.String()
			}
			data.Reset()
			id.Reset()
			if err := seen(event); err != nil {
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
