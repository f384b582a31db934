package signal

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// Decoder turns request bodies into signals.
type Decoder struct {
	limits Limits
	newID  func() uuid.UUID
}

// NewDecoder returns a decoder; newID makes UUIDv7s.
func NewDecoder(limits Limits, newID func() uuid.UUID) Decoder {
	return Decoder{limits: limits, newID: newID}
}

// Decode reads the body of POST /api/signals: one object, or an array of them. Errors are
// *fault.Error and name the first bad element and, in Fields, up to ten.
func (d Decoder) Decode(body []byte, r Receipt) ([]Signal, error) {
	return d.decode(body, r, (*decoding).signal)
}

// decoding is one body on its way.
type decoding struct {
	scanner
	receipt  Receipt
	problems problems
	payloads []byte // backs the payloads of all signals
	scratch  []byte // for values that are read and dropped
}

// element reads one signal at the current position.
type element func(d *decoding, at place) (Signal, *malformed)

func (d Decoder) decode(body []byte, r Receipt, read element) ([]Signal, error) {
	switch {
	case len(bytes.TrimLeft(body, " \t\r\n")) == 0:
		return nil, fault.New(fault.Invalid, codeInvalid, "The body is empty; send one signal or an array of signals.")
	case !utf8.Valid(body):
		return nil, fault.New(fault.Invalid, codeInvalid, "The body is not valid UTF-8.")
	}
	// A compact payload is never longer than what was sent, but for replaced surrogates.
	dec := &decoding{scanner: scanner{data: body, limits: d.limits}, receipt: r, payloads: make([]byte, 0, len(body))}

	signals, at, broken := dec.elements(read)
	if broken != nil {
		return nil, unreadable(broken, at)
	}
	if len(signals) > d.limits.Signals {
		return nil, fault.Newf(fault.TooLarge, codeBatch, "A request holds at most %d signals.", d.limits.Signals)
	}
	if err := dec.problems.err(); err != nil {
		return nil, err
	}
	if len(signals) == 0 {
		return nil, fault.New(fault.Invalid, codeInvalid, "The array holds no signals.")
	}
	for i := range signals {
		signals[i].ID = d.newID()
	}
	return signals, nil
}

// elements reads the whole body. On failure it says at which element. It stops one element past
// the limit, since the answer no longer depends on the rest.
func (d *decoding) elements(read element) ([]Signal, place, *malformed) {
	const single = place(-1)
	if d.peek() != '[' {
		s, err := read(d, single)
		if err == nil {
			err = d.end()
		}
		return []Signal{s}, single, err
	}
	d.pos++
	if d.peek() == ']' {
		d.pos++
		return nil, single, d.end()
	}
	var signals []Signal
	for {
		at := place(len(signals))
		s, err := read(d, at)
		if err != nil {
			return nil, at, err
		}
		if signals = append(signals, s); len(signals) > d.limits.Signals {
			return signals, at, nil
		}
		more, err := d.next(']')
		if err != nil {
			return nil, at, err
		}
		if !more {
			return signals, single, d.end()
		}
	}
}

// end makes sure that nothing follows the value.
func (d *decoding) end() *malformed {
	if d.space(); d.pos < len(d.data) {
		return d.fail("something follows the JSON value")
	}
	return nil
}

// begin prepares for the next element; false when it is no object, which has been noted then.
func (d *decoding) begin(at place) (bool, *malformed) {
	d.nodes = 0
	if d.peek() == '{' {
		return true, nil
	}
	if err := d.skip(); err != nil {
		return false, err
	}
	d.problems.add(fault.Invalid, codeInvalid, at, "", "not_an_object", "a signal must be an object.")
	return false, nil
}

func (d *decoding) signal(at place) (Signal, *malformed) {
	s := d.blank()
	if isObject, err := d.begin(at); err != nil || !isObject {
		return s, err
	}
	typed := false
	err := d.object(0, func(name []byte) *malformed {
		switch field := unquote(name); field {
		case "type":
			typed = true
			return d.typeField(&s, at)
		case "payload":
			return d.payloadField(&s, at)
		case "context_id":
			return d.contextField(&s, at)
		case "id":
			return d.idField(&s, at)
		case "timestamp":
			return d.timestampField(&s, at)
		case "session_id":
			return d.sessionField(&s, at)
		default:
			if known := misspelt(field); known != "" {
				d.problems.add(fault.Invalid, codeInvalid, at, field, "misspelt_name", "names are lower case: "+known+".")
			}
			return d.skip() // unknown fields are not kept
		}
	})
	if err == nil && !typed {
		d.missingType(at)
	}
	return s, err
}

// misspelt returns the known name that field differs from only in case. Parsers that fold case
// (encoding/json among them) would read it as that name, so it must not pass as an unknown one.
func misspelt(field string) string {
	for _, known := range []string{"type", "payload", "context_id", "id", "timestamp", "session_id"} {
		if strings.EqualFold(known, field) {
			return known
		}
	}
	return ""
}

func (d *decoding) blank() Signal {
	return Signal{
		AccountID: d.receipt.AccountID, ProductID: d.receipt.ProductID,
		OccurredAt: d.receipt.At, ReceivedAt: d.receipt.At,
		Source: d.receipt.Source, TimeMark: TimeReceived,
	}
}

// skip reads a value and drops it.
func (d *decoding) skip() *malformed {
	var err *malformed
	d.scratch, err = d.value(d.scratch[:0], 0)
	return err
}

// literal reads a value into the scratch space. absent is true for null.
func (d *decoding) literal() (literal []byte, absent bool, err *malformed) {
	err = d.skip()
	return d.scratch, err == nil && d.scratch[0] == 'n', err
}

func (d *decoding) missingType(at place) {
	d.problems.add(fault.Invalid, codeMissingType, at, "type", codeMissingType, "type is missing; it must be a string that is not empty.")
}

func (d *decoding) typeField(s *Signal, at place) *malformed {
	literal, _, err := d.literal()
	if err == nil {
		d.setType(s, at, literal)
	}
	return err
}

func (d *decoding) setType(s *Signal, at place, literal []byte) {
	if literal[0] != '"' {
		d.missingType(at)
		return
	}
	s.Type = unquote(literal)
	switch {
	case strings.TrimSpace(s.Type) == "":
		d.missingType(at)
	case utf8.RuneCountInString(s.Type) > d.limits.TypeLength:
		d.problems.add(fault.Invalid, codeTypeTooLong, at, "type", codeTypeTooLong,
			fmt.Sprintf("type is longer than %d characters.", d.limits.TypeLength))
	}
}

func (d *decoding) payloadField(s *Signal, at place) *malformed {
	kind := d.peek()
	sent, start := d.pos, len(d.payloads)
	var err *malformed
	if d.payloads, err = d.value(d.payloads, 0); err != nil {
		return err
	}
	switch {
	case d.pos-sent > d.limits.PayloadBytes:
		d.payloadTooLarge(at)
	case kind == '{':
		s.Payload = d.payloads[start:len(d.payloads):len(d.payloads)]
	case kind != 'n':
		d.problems.add(fault.Invalid, codeInvalid, at, "payload", "not_an_object", "payload must be an object.")
	}
	return nil
}

func (d *decoding) payloadTooLarge(at place) {
	d.problems.add(fault.TooLarge, codeTooLarge, at, "payload", codeTooLarge,
		fmt.Sprintf("payload is larger than %d bytes.", d.limits.PayloadBytes))
}

func (d *decoding) idField(s *Signal, at place) *malformed {
	literal, absent, err := d.literal()
	if err != nil || absent {
		return err
	}
	var bad bool
	if s.ClientID, bad = parseUUID(literal); bad {
		d.problems.add(fault.Invalid, codeInvalid, at, "id", "invalid_uuid", "id must be a UUID.")
	}
	return nil
}

func (d *decoding) contextField(s *Signal, at place) *malformed {
	literal, absent, err := d.literal()
	if err == nil && !absent {
		d.setContext(s, at, literal)
	}
	return err
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

func (d *decoding) timestampField(s *Signal, at place) *malformed {
	literal, absent, err := d.literal()
	if err != nil || absent {
		return err
	}
	sent, bad := parseTimestamp(literal)
	if bad != nil {
		d.problems.add(fault.Invalid, codeInvalid, at, "timestamp", "invalid_timestamp", "timestamp is "+bad.Error()+".")
		return nil
	}
	s.OccurredAt, s.TimeMark = d.receipt.occurred(sent)
	return nil
}

func (d *decoding) sessionField(s *Signal, at place) *malformed {
	literal, absent, err := d.literal()
	if err != nil || absent {
		return err
	}
	if literal[0] != '"' {
		d.problems.add(fault.Invalid, codeInvalid, at, "session_id", "not_a_string", "session_id must be a string.")
		return nil
	}
	s.SessionID = unquote(literal)
	if utf8.RuneCountInString(s.SessionID) > d.limits.SessionLength {
		d.problems.add(fault.Invalid, codeInvalid, at, "session_id", "session_id_too_long",
			fmt.Sprintf("session_id is longer than %d characters.", d.limits.SessionLength))
	}
	return nil
}
