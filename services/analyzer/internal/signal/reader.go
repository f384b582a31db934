package signal

import (
	"encoding/json"
	"strings"

	"github.com/draftlabs/specter/pkg/storable"
)

// fixedCount is how many fixed dimensions there are.
const fixedCount = 7

// Fields are a signal's fixed dimensions in the order of fixed; "" = has none.
type Fields [fixedCount]string

// Append adds the dimensions that the signal has.
func (f *Fields) Append(to []Dimension) []Dimension {
	for i, value := range f {
		if value != "" {
			to = append(to, Dimension{fixed[i].name, value})
		}
	}
	return to
}

const (
	// maxKeys is how many payload keys one dimension is looked up by at most.
	maxKeys = 5
	// remembered bounds what a Reader remembers of each dimension, rememberedBytes how
	// long a text it remembers anything of.
	remembered      = 4096
	rememberedBytes = 256
)

// Reader reads payloads. Products send the same few paths, elements and messages
// over and over, so it remembers what it made of each. Not for use by several
// goroutines at once.
type Reader struct {
	places map[string]place // payload key to where its value is looked for
	values [fixedCount]map[string]string
	frames [len(frameKeys) + 1]map[string]string // by key, the last those of errors that are objects
	failed map[string]bool                       // whether a type's message is an error's
	found  found
	extra  []string // the context's keys for the running payload
	others [][]byte // their values
}

// found are the values of the running payload that dimensions are read from, and in the
// last place those an error's frame is.
type found [fixedCount + 1][maxKeys][]byte

const frameField = fixedCount

// place is a payload key's dimension and its rank among that dimension's keys.
type place struct{ dimension, rank int }

// NewReader returns a reader that remembers nothing yet.
func NewReader() *Reader {
	r := &Reader{places: make(map[string]place), failed: make(map[string]bool)}
	for i := range r.frames {
		r.frames[i] = make(map[string]string)
	}
	for rank, key := range frameKeys {
		r.places[key] = place{frameField, rank}
	}
	for i, d := range fixed {
		r.values[i] = make(map[string]string)
		for rank, key := range d.keys {
			r.places[key] = place{i, rank}
		}
	}
	return r
}

// Prepare makes a signal's payload storable, reads its fixed dimensions and hashes its
// session.
func (r *Reader) Prepare(s *Signal) {
	if s.SessionID != "" {
		s.Session = HashSession(s.ProductID, s.SessionID)
	}
	if len(s.Payload) == 0 {
		s.Payload = []byte("{}")
		return
	}
	ok, plain := r.walk(s.Payload, nil)
	if !ok || !plain {
		s.Payload = storable.Object(s.Payload)
		r.walk(s.Payload, nil)
	}
	s.Fields = r.fields(s.Type)
}

// Dimensions reads a signal's dimensions from its payload; extra are the payload
// keys its context names. A payload that is not a JSON object has none.
func (r *Reader) Dimensions(kind string, payload []byte, extra []string) []Dimension {
	if ok, _ := r.walk(payload, extra); !ok {
		return nil
	}
	fields := r.fields(kind)
	return append(fields.Append(make([]Dimension, 0, 6)), r.extras()...)
}

// Extra reads the dimensions that only the signal's context names.
func (r *Reader) Extra(payload []byte, keys []string) []Dimension {
	if len(keys) == 0 {
		return nil
	}
	r.walk(payload, keys)
	return r.extras()
}

// walk notes where the values are that dimensions are read from.
func (r *Reader) walk(payload []byte, extra []string) (ok, plain bool) {
	r.found = found{}
	r.extra = extra
	r.others = append(r.others[:0], make([][]byte, len(extra))...)
	ok, plain = scan(payload, r.note)
	if !ok {
		r.found = found{}
		clear(r.others)
	}
	return ok, plain
}

// note keeps a member's value; of a repeated key the last counts, as everywhere.
func (r *Reader) note(key, value []byte) {
	for _, c := range key {
		if c == '\\' {
			key = []byte(unquote(append(append([]byte{'"'}, key...), '"')))
			break
		}
	}
	if p, ok := r.places[string(key)]; ok {
		r.found[p.dimension][p.rank] = value
	}
	for i, wanted := range r.extra {
		if wanted == string(key) {
			r.others[i] = value
		}
	}
}

// fields makes dimensions of the values found: of each the first key that is there
// and says something.
func (r *Reader) fields(kind string) (out Fields) {
	for i := range fixed {
		if i == errorField && !r.isError(kind) {
			continue
		}
		for rank := range fixed[i].keys {
			if raw := r.found[i][rank]; raw != nil {
				if out[i] = r.value(i, raw); out[i] != "" {
					if i == errorField {
						out[i] = withFrame(out[i], r.frame(raw))
					}
					break
				}
			}
		}
	}
	return out
}

// frame is where an error happened; it may say so itself.
func (r *Reader) frame(failure []byte) string {
	for rank, key := range frameKeys {
		if raw := r.found[frameField][rank]; raw != nil {
			if f := r.remember(r.frames[rank], raw, func() string { return frame(key, raw) }); f != "" {
				return f
			}
		}
	}
	if failure[0] == '{' {
		return r.remember(r.frames[len(frameKeys)], failure, func() string { return nestedFrame(failure) })
	}
	return ""
}

func (r *Reader) value(dimension int, raw []byte) string {
	return r.remember(r.values[dimension], raw, func() string { return fixed[dimension].value(scalar(raw)) })
}

// remember is what was made of a text before, or is made of it now.
func (r *Reader) remember(known map[string]string, raw []byte, read func() string) string {
	if value, ok := known[string(raw)]; ok {
		return value
	}
	value := read()
	if len(raw) > rememberedBytes {
		return value
	}
	if len(known) >= remembered {
		clear(known)
	}
	known[string(raw)] = value
	return value
}

func (r *Reader) isError(kind string) bool {
	is, ok := r.failed[kind]
	if ok {
		return is
	}
	is = errorTypes.MatchString(kind)
	if len(kind) > rememberedBytes {
		return is
	}
	if len(r.failed) >= remembered {
		clear(r.failed)
	}
	r.failed[strings.Clone(kind)] = is // kind is part of a whole message's text
	return is
}

func (r *Reader) extras() (out []Dimension) {
	for i, key := range r.extra {
		if isFixed(key) || r.others[i] == nil {
			continue
		}
		if value := short(scalar(r.others[i])); value != "" {
			out = append(out, Dimension{key, value})
		}
	}
	return out
}

// unquote is the text of a JSON string; "" when it is none.
func unquote(raw []byte) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
