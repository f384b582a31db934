package logimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/google/uuid"
)

// Names under which Specter and common analytics exports (PostHog, Mixpanel, Amplitude,
// Segment) keep the same thing; the first one present counts.
var (
	typeNames    = []string{"type", "event", "event_type", "event_name", "name"}
	timeNames    = []string{"timestamp", "time", "ts", "event_time", "created_at", "date"}
	payloadNames = []string{"payload", "properties", "data", "event_properties"}
	sessionNames = []string{"session_id", "$session_id", "session", "user_session"}
	idNames      = []string{"id", "uuid", "$insert_id", "insert_id", "message_id", "messageId"}
)

// jsonlParser reads one JSON object a line.
type jsonlParser struct{}

func (jsonlParser) next(lines *lineReader) (int, []byte, error) {
	l, err := lines.next()
	return l.number, l.text, err
}

func (jsonlParser) parse(content []byte) (event, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // an id of 64 bits must survive
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return event{}, errors.New("not a JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return event{}, errors.New("more than one JSON value")
	}
	e := event{kind: takeText(object, typeNames)}
	if e.kind == "" {
		return event{}, errors.New("has no type (" + strings.Join(typeNames, ", ") + ")")
	}
	var err error
	at, found := take(object, timeNames)
	e.session = takeText(object, sessionNames)
	if text := takeText(object, []string{"context_id"}); text != "" {
		if e.context, err = contextID(text); err != nil {
			return event{}, err
		}
	}
	if parsed, err := uuid.Parse(takeText(object, idNames)); err == nil {
		e.id = parsed.String()
	}
	nested, _ := take(object, payloadNames)
	payload, ok := nested.(map[string]any)
	if !ok {
		payload = object
	}
	if !found { // Mixpanel keeps the time among the properties
		at, found = take(payload, timeNames)
	}
	if !found {
		return event{}, errors.New("has no timestamp (" + strings.Join(timeNames, ", ") + ")")
	}
	if e.at, err = parseTime(at); err != nil {
		return event{}, err
	}
	if e.session == "" {
		e.session = takeText(payload, sessionNames)
	}
	e.payload = payload
	return e, nil
}

// take removes and returns the first of the named fields that is there.
func take(object map[string]any, names []string) (any, bool) {
	for _, name := range names {
		if value, ok := object[name]; ok && value != nil {
			delete(object, name)
			return value, true
		}
	}
	return nil, false
}

// takeText is take for text and numbers; anything else stays where it is.
func takeText(object map[string]any, names []string) string {
	for _, name := range names {
		switch value := object[name].(type) {
		case string:
			delete(object, name)
			return strings.TrimSpace(value)
		case json.Number:
			delete(object, name)
			return value.String()
		}
	}
	return ""
}
