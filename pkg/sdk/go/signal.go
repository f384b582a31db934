package specter

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of the server that no installation can raise.
const (
	maxType    = 100 // characters
	maxSession = 64  // characters

	// maxSignal bounds one encoded signal. The server's own limit of a payload is lower (32 KiB by
	// default) and its answer says so.
	maxSignal = 256 << 10 // bytes
)

// TrackOption says more about one signal.
type TrackOption func(*attributes)

type attributes struct {
	id        string
	at        time.Time
	contextID string
	session   string
}

// WithID sets the signal's id, a UUID. Two signals of a product with the same id within 24 hours
// count once: use the id of what happened to make a job that may run twice count once.
func WithID(id string) TrackOption { return func(a *attributes) { a.id = id } }

// WithTimestamp says when it happened. Default: now. The server corrects the client's clock and
// clamps what is older than 24 hours or more than 5 minutes ahead.
func WithTimestamp(at time.Time) TrackOption { return func(a *attributes) { a.at = at } }

// WithContext sets the signal's context, a UUID, instead of WithContextID's.
func WithContext(id string) TrackOption { return func(a *attributes) { a.contextID = id } }

// WithSession groups signals of one visit: any text of at most 64 characters that is not a secret.
func WithSession(id string) TrackOption { return func(a *attributes) { a.session = id } }

type contextKey struct{}

// ContextWith returns a context that adds options to every Track it is passed to, before Track's own:
// put it into a request's context once, and every signal of the request knows its session.
func ContextWith(ctx context.Context, options ...TrackOption) context.Context {
	all := append(append([]TrackOption(nil), optionsOf(ctx)...), options...)
	return context.WithValue(ctx, contextKey{}, all)
}

func optionsOf(ctx context.Context) []TrackOption {
	options, _ := ctx.Value(contextKey{}).([]TrackOption)
	return options
}

// encode renders a signal as the server reads it. The id stands first, where idOf finds it.
func encode(signalType string, payload any, a attributes) ([]byte, error) {
	switch n := utf8.RuneCountInString(signalType); {
	case strings.TrimSpace(signalType) == "":
		return nil, fmt.Errorf("%w: the type is empty", ErrInvalidSignal)
	case n > maxType:
		return nil, fmt.Errorf("%w: the type has %d characters, %d are allowed", ErrInvalidSignal, n, maxType)
	case a.id != "" && !isUUID(a.id):
		return nil, fmt.Errorf("%w: the id is not a UUID", ErrInvalidSignal)
	case a.contextID != "" && !isUUID(a.contextID):
		return nil, fmt.Errorf("%w: the context id is not a UUID", ErrInvalidSignal)
	case utf8.RuneCountInString(a.session) > maxSession:
		return nil, fmt.Errorf("%w: the session id has more than %d characters", ErrInvalidSignal, maxSession)
	}
	encoded, err := encodePayload(payload)
	if err != nil {
		return nil, err
	}
	const fixed = len(`{"id":"","timestamp":1700000000000,"type":"","context_id":"","session_id":"","payload":}`) + 2*uuidLength
	out := make([]byte, 0, fixed+len(signalType)+len(a.session)+len(encoded))
	out = append(out, idStart...)
	if a.id != "" {
		out = append(out, a.id...)
	} else {
		out = appendUUID(out, a.at)
	}
	out = append(out, `","timestamp":`...)
	out = strconv.AppendInt(out, a.at.UnixMilli(), 10)
	out = appendString(append(out, `,"type":`...), signalType)
	if a.contextID != "" {
		out = append(append(append(out, `,"context_id":"`...), a.contextID...), '"')
	}
	if a.session != "" {
		out = appendString(append(out, `,"session_id":`...), a.session)
	}
	if encoded != nil {
		out = append(append(out, `,"payload":`...), encoded...)
	}
	if out = append(out, '}'); len(out) > maxSignal {
		return nil, fmt.Errorf("%w: %d bytes, %d are allowed", ErrInvalidSignal, len(out), maxSignal)
	}
	return out, nil
}

const idStart = `{"id":"`

// idOf is the id of an encoded signal.
func idOf(signal []byte) string { return string(signal[len(idStart) : len(idStart)+uuidLength]) }

// typeOf is the type of an encoded signal.
func typeOf(signal []byte) string {
	var s struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(signal, &s) // encode made it
	return s.Type
}

// encodePayload renders a payload; nil when there is none. A panic of the payload's own encoding is an
// error: telling what happened must not change what happens.
func encodePayload(payload any) (encoded []byte, err error) {
	if payload == nil {
		return nil, nil
	}
	defer func() {
		if recover() != nil {
			encoded, err = nil, fmt.Errorf("%w: encoding the payload panicked", ErrInvalidSignal)
		}
	}()
	encoded, err = json.Marshal(payload)
	switch {
	case err != nil:
		// Not err itself: it may quote the payload.
		return nil, fmt.Errorf("%w: the payload of type %T cannot be encoded as JSON", ErrInvalidSignal, payload)
	case string(encoded) == "null":
		return nil, nil
	case encoded[0] != '{':
		return nil, fmt.Errorf("%w: the payload of type %T is not an object", ErrInvalidSignal, payload)
	}
	return encoded, nil
}

// appendString appends s as a JSON string; most need no escapes.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string can always be encoded
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
