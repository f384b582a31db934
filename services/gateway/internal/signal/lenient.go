package signal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"
)

// The names that no-code tools use, best first.
var (
	typeNames    = []string{"type", "event", "event_type"}
	payloadNames = []string{"payload", "data", "properties"}
)

// DecodeLenient reads the body of POST /api/ingest. The type is under type, event or event_type;
// the payload under payload, data or properties, and without any of these the remaining fields are
// the payload. A payload that is a string of JSON, as form fields are, is unpacked.
func (d Decoder) DecodeLenient(body []byte, r Receipt) ([]Signal, error) {
	return d.decode(body, r, (*decoding).lenient)
}

// DecodeForm is DecodeLenient for a form-encoded body.
func (d Decoder) DecodeForm(body []byte, r Receipt) ([]Signal, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, codeInvalid, "The body is not a valid form.")
	}
	fields := make(map[string]any, len(form))
	for name, values := range form {
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) {
				return nil, fault.New(fault.Invalid, codeInvalid, "The form is not valid UTF-8.")
			}
		}
		if fields[name] = values; len(values) == 1 {
			fields[name] = values[0]
		}
	}
	object, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("turning a form into an object: %w", err)
	}
	return d.DecodeLenient(object, r)
}

// member is one field of a lenient object.
type member struct {
	name  []byte // literal
	value []byte // compact
	size  int    // as sent
}

func (d *decoding) lenient(at place) (Signal, *malformed) {
	s := d.blank()
	if isObject, err := d.begin(at); err != nil || !isObject {
		return s, err
	}
	members := map[string]member{}
	var order []string
	err := d.object(0, func(name []byte) *malformed {
		d.space()
		sent, start := d.pos, len(d.payloads)
		var err *malformed
		if d.payloads, err = d.value(d.payloads, 0); err != nil {
			return err
		}
		key := unquote(name)
		members[key] = member{name: name, value: d.payloads[start:len(d.payloads):len(d.payloads)], size: d.pos - sent}
		order = append(order, key)
		return nil
	})
	if err != nil {
		return s, err
	}
	used := map[string]bool{"context_id": true}
	if m, name := pick(members, typeNames); name != "" {
		used[name] = true
		d.setType(&s, at, m.value)
	} else {
		d.missingType(at)
	}
	d.lenientContext(&s, at, members["context_id"])
	if m, name := pick(members, payloadNames); name != "" {
		return s, d.lenientPayload(&s, at, m)
	}
	return s, d.remaining(&s, at, members, order, used)
}

// pick returns the first of names that is there and not null.
func pick(members map[string]member, names []string) (member, string) {
	for _, name := range names {
		if m, ok := members[name]; ok && m.value[0] != 'n' {
			return m, name
		}
	}
	return member{}, ""
}

// lenientContext takes an empty string for none: a form's field that nobody filled in.
func (d *decoding) lenientContext(s *Signal, at place, m member) {
	if m.value == nil || m.value[0] == 'n' || string(m.value) == `""` {
		return
	}
	d.setContext(s, at, m.value)
}

func (d *decoding) lenientPayload(s *Signal, at place, m member) *malformed {
	switch {
	case m.size > d.limits.PayloadBytes:
		d.payloadTooLarge(at)
	case m.value[0] == '{':
		s.Payload = m.value
	case m.value[0] == '"':
		s.Payload = d.unpack(unquote(m.value))
	}
	if s.Payload == nil {
		s.Payload = wrap(m.value)
	}
	return nil
}

// unpack returns the object that text holds, nil when it holds something else.
func (d *decoding) unpack(text string) []byte {
	inner := decoding{scanner: scanner{data: []byte(text), limits: d.limits}}
	if inner.peek() != '{' {
		return nil
	}
	object, err := inner.value(nil, 0)
	if err != nil || inner.end() != nil {
		return nil
	}
	return object
}

// wrap makes an object of a payload that is none.
func wrap(value []byte) []byte {
	return append(append([]byte(`{"value":`), value...), '}')
}

// remaining makes the payload of the fields that have no meaning of their own.
func (d *decoding) remaining(s *Signal, at place, members map[string]member, order []string, used map[string]bool) *malformed {
	size := 0
	payload := []byte{'{'}
	for _, name := range order {
		if used[name] {
			continue
		}
		m := members[name]
		size += len(m.name) + m.size
		if len(payload) > 1 {
			payload = append(payload, ',')
		}
		payload = append(append(append(payload, m.name...), ':'), m.value...)
	}
	if size > d.limits.PayloadBytes {
		d.payloadTooLarge(at)
	}
	if len(payload) > 1 {
		s.Payload = append(payload, '}')
	}
	return nil
}
