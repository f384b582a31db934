package signal

import (
	"maps"
	"net/url"
	"slices"
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
func (d Decoder) DecodeLenient(body []byte, r Receipt) (*Batch, error) {
	return d.decode(body, r, (*decoding).lenient)
}

// DecodeForm is DecodeLenient for a form-encoded body.
func (d Decoder) DecodeForm(body []byte, r Receipt) (*Batch, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, codeInvalid, "The body is not a valid form.")
	}
	object := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := form[name]
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) {
				return nil, fault.New(fault.Invalid, codeInvalid, "The form is not valid UTF-8.")
			}
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(appendQuoted(object, name), ':')
		if len(values) == 1 {
			object = appendQuoted(object, values[0])
			continue
		}
		object = append(object, '[')
		for i, text := range values {
			if i > 0 {
				object = append(object, ',')
			}
			object = appendQuoted(object, text)
		}
		object = append(object, ']')
	}
	return d.DecodeLenient(append(object, '}'), r)
}

// part is one field of a lenient object.
type part struct {
	name  []byte // a literal
	value []byte // compact
	size  int    // as sent
}

func (d *decoding) lenient(s *Signal, at place) *malformed {
	if isObject, err := d.isObject(at); err != nil || !isObject {
		return err
	}
	parts, order, err := d.parts()
	if err != nil {
		return err
	}
	used := map[string]bool{"context_id": true}
	if m, name := pick(parts, typeNames); name != "" {
		used[name] = true
		d.setType(s, at, m.value)
	} else {
		d.missingType(at)
	}
	d.lenientContext(s, at, parts["context_id"])
	if m, name := pick(parts, payloadNames); name != "" {
		d.lenientPayload(s, at, m)
		return nil
	}
	d.remaining(s, at, parts, order, used)
	return nil
}

// parts reads an object whose names mean something only when all of them are known.
func (d *decoding) parts() (parts map[string]part, order []string, err *malformed) {
	if err := d.open(0); err != nil {
		return nil, nil, err
	}
	parts = map[string]part{}
	for {
		name, more, err := d.member(0)
		if err != nil || !more {
			return parts, order, err
		}
		d.peek()
		start := d.pos
		d.loose = false
		if err := d.value(0); err != nil {
			return nil, nil, err
		}
		parts[string(name)] = part{name: appendQuoted(nil, string(name)), value: d.compacted(d.data[start:d.pos]), size: d.pos - start}
		order = append(order, string(name))
	}
}

// pick returns the first of names that is there and not null.
func pick(parts map[string]part, names []string) (part, string) {
	for _, name := range names {
		if m, ok := parts[name]; ok && m.value[0] != 'n' {
			return m, name
		}
	}
	return part{}, ""
}

// lenientContext takes an empty string for none: a form's field that nobody filled in.
func (d *decoding) lenientContext(s *Signal, at place, m part) {
	if m.value == nil || m.value[0] == 'n' || string(m.value) == `""` {
		return
	}
	d.setContext(s, at, m.value)
}

func (d *decoding) lenientPayload(s *Signal, at place, m part) {
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
}

// unpack returns the object that text holds, nil when it holds something else.
func (d *decoding) unpack(text string) []byte {
	inner := decoding{scanner: scanner{data: []byte(text), limits: d.limits}}
	if inner.peek() != '{' {
		return nil
	}
	if inner.value(0) != nil || inner.end() != nil {
		return nil
	}
	return compact(nil, []byte(text))
}

// wrap makes an object of a payload that is none.
func wrap(value []byte) []byte {
	return append(append([]byte(`{"value":`), value...), '}')
}

// remaining makes the payload of the fields that have no meaning of their own.
func (d *decoding) remaining(s *Signal, at place, parts map[string]part, order []string, used map[string]bool) {
	size := 0
	payload := []byte{'{'}
	for _, name := range order {
		if used[name] {
			continue
		}
		m := parts[name]
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
}
