package signal

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// signal reads one element of POST /api/signals.
func (d *decoding) signal(s *Signal, at place) *malformed {
	if isObject, err := d.isObject(at); err != nil || !isObject {
		return err
	}
	if err := d.open(0); err != nil {
		return err
	}
	typed := false
	for {
		field, more, err := d.member(0)
		if err == nil && more {
			err = d.field(s, at, field, &typed)
		}
		switch {
		case err != nil:
			return err
		case !more:
			if !typed {
				d.missingType(at)
			}
			return nil
		}
	}
}

func (d *decoding) field(s *Signal, at place, field []byte, typed *bool) *malformed {
	switch string(field) {
	case "type":
		*typed = true
		literal, _, err := d.literal()
		if err == nil {
			d.setType(s, at, literal)
		}
		return err
	case "payload":
		return d.payloadField(s, at)
	}
	switch string(field) {
	case "context_id", "id", "timestamp", "session_id":
	default:
		if known := misspelt(field); known != "" {
			d.problems.add(fault.Invalid, codeInvalid, at, string(field), "misspelt_name", "names are lower case: "+known+".")
		}
		return d.value(0) // unknown fields are not kept
	}
	literal, absent, err := d.literal()
	if err != nil || absent {
		return err
	}
	switch string(field) {
	case "context_id":
		d.setContext(s, at, literal)
	case "id":
		d.setID(s, at, literal)
	case "timestamp":
		d.setTimestamp(s, at, literal)
	case "session_id":
		d.setSession(s, at, literal)
	}
	return nil
}

// misspelt returns the known name that field differs from only in case. Parsers that fold case
// (encoding/json among them) would read it as that name, so it must not pass as an unknown one.
func misspelt(field []byte) string {
	for _, known := range [...]string{"type", "payload", "context_id", "id", "timestamp", "session_id"} {
		if strings.EqualFold(known, string(field)) {
			return known
		}
	}
	return ""
}

func (d *decoding) missingType(at place) {
	d.problems.add(fault.Invalid, codeMissingType, at, "type", codeMissingType, "type is missing; it must be a string that is not empty.")
}

func (d *decoding) setType(s *Signal, at place, literal []byte) {
	if literal[0] != '"' {
		d.missingType(at)
		return
	}
	s.Type = d.typeName(literal)
	switch {
	case strings.TrimSpace(s.Type) == "":
		d.missingType(at)
	case len(s.Type) > d.limits.TypeLength && utf8.RuneCountInString(s.Type) > d.limits.TypeLength:
		d.problems.add(fault.Invalid, codeTypeTooLong, at, "type", codeTypeTooLong,
			fmt.Sprintf("type is longer than %d characters.", d.limits.TypeLength))
	}
}

// typeName returns the text of a literal, without a new string for one that came before.
func (d *decoding) typeName(literal []byte) string {
	text, ok := unquoted(literal)
	if !ok || len(text) > 4*d.limits.TypeLength {
		return unquote(literal)
	}
	if known, ok := d.types[string(text)]; ok {
		return known
	}
	if d.types == nil {
		d.types = make(map[string]string)
	}
	name := string(text)
	d.types[name] = name
	return name
}

func (d *decoding) payloadField(s *Signal, at place) *malformed {
	kind := d.peek()
	start := d.pos
	d.loose = false
	if err := d.value(0); err != nil {
		return err
	}
	value := d.data[start:d.pos]
	switch {
	case len(value) > d.limits.PayloadBytes:
		d.payloadTooLarge(at)
	case kind == '{':
		s.Payload = d.compacted(value)
	case kind != 'n':
		d.problems.add(fault.Invalid, codeInvalid, at, "payload", "not_an_object", "payload must be an object.")
	}
	return nil
}

func (d *decoding) payloadTooLarge(at place) {
	d.problems.add(fault.TooLarge, codeTooLarge, at, "payload", codeTooLarge,
		fmt.Sprintf("payload is larger than %d bytes.", d.limits.PayloadBytes))
}

func (d *decoding) setID(s *Signal, at place, literal []byte) {
	var bad bool
	if s.ClientID, bad = parseUUID(literal); bad {
		d.problems.add(fault.Invalid, codeInvalid, at, "id", "invalid_uuid", "id must be a UUID.")
	}
}

func (d *decoding) setContext(s *Signal, at place, literal []byte) {
	id, bad := parseUUID(literal)
	switch {
	case bad:
		d.problems.add(fault.Invalid, codeInvalid, at, "context_id", "invalid_uuid", "context_id must be a UUID.")
	case !d.receipt.HasContext(id):
		d.problems.add(fault.Invalid, codeContext, at, "context_id", codeContext, "context_id names no context of this product.")
	}
	s.ContextID = id
}

// parseUUID takes the usual 36 characters only. The nil UUID is refused: sent as the id of every
// signal it would make all of them one.
func parseUUID(literal []byte) (id uuid.UUID, bad bool) {
	if len(literal) != len(`""`)+36 || literal[0] != '"' {
		return uuid.Nil, true
	}
	id, err := uuid.ParseBytes(literal[1 : len(literal)-1])
	return id, err != nil || id == uuid.Nil
}

func (d *decoding) setTimestamp(s *Signal, at place, literal []byte) {
	sent, bad := parseTimestamp(literal)
	if bad != nil {
		d.problems.add(fault.Invalid, codeInvalid, at, "timestamp", "invalid_timestamp", "timestamp is "+bad.Error()+".")
		return
	}
	s.OccurredAt, s.TimeMark = d.receipt.occurred(sent)
}

func (d *decoding) setSession(s *Signal, at place, literal []byte) {
	if literal[0] != '"' {
		d.problems.add(fault.Invalid, codeInvalid, at, "session_id", "not_a_string", "session_id must be a string.")
		return
	}
	// The signals of one request are mostly of one session.
	if text, ok := unquoted(literal); !ok || d.session == "" || !bytes.Equal(text, []byte(d.session)) {
		d.session = unquote(literal)
	}
	s.SessionID = d.session
	if len(s.SessionID) > d.limits.SessionLength && utf8.RuneCountInString(s.SessionID) > d.limits.SessionLength {
		d.problems.add(fault.Invalid, codeInvalid, at, "session_id", "session_id_too_long",
			fmt.Sprintf("session_id is longer than %d characters.", d.limits.SessionLength))
	}
}
