package signal

import (
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// Codes of the public contract. The codes inside errors[] that are not among them say more
// precisely what is wrong with one field.
const (
	codeInvalid     = "invalid_json"
	codeMissingType = "missing_type"
	codeTypeTooLong = "type_too_long"
	codeTooLarge    = "payload_too_large"
	codeTooDeep     = "too_deep"
	codeContext     = "unknown_context"
	codeBatch       = "batch_too_large"
)

// maxReported bounds errors[]: a thousand bad signals are one mistake.
const maxReported = 10

// malformed is a body that cannot be read any further.
type malformed struct {
	code       string // of errors[]
	detail     string
	offset     int
	wellFormed bool // it is JSON, beyond a limit
}

func (m *malformed) Error() string { return fmt.Sprintf("%s at byte %d", m.detail, m.offset) }

// problems collects what is wrong with the elements of a well-formed body; the first one gives the
// answer its status and code.
type problems struct {
	first   *fault.Error
	fields  []fault.Field
	element []byte    // the first bad one
	id      uuid.UUID // that it carried
}

func (p *problems) reset() { *p = problems{} }

// note turns what stopped the reading of an element into a problem of that element.
func (p *problems) note(m *malformed, at place) {
	p.reset()
	code := codeInvalid
	if m.code == codeTooDeep {
		code = codeTooDeep
	}
	p.add(fault.Invalid, code, at, "", m.code, m.Error()+".")
}

func (p *problems) add(kind fault.Kind, code string, at place, field, fieldCode, detail string) {
	if p.first == nil {
		p.first = fault.New(kind, code, at.sentence(detail))
	}
	if len(p.fields) < maxReported {
		p.fields = append(p.fields, fault.Field{Pointer: at.pointer(field), Code: fieldCode, Detail: detail})
	}
}

// fault is the answer to a body with problems.
func (p *problems) fault() *fault.Error {
	p.first.Fields = p.fields
	return p.first
}

// place is where an element stands: its index, or -1 for a body that is one object.
type place int

const single place = -1

func (at place) pointer(field string) string {
	pointer := ""
	if at >= 0 {
		pointer = "/" + strconv.Itoa(int(at))
	}
	if field != "" {
		pointer += "/" + field
	}
	return pointer
}

func (at place) sentence(detail string) string {
	if at < 0 {
		return detail
	}
	return fmt.Sprintf("Signal %d: %s", int(at), detail)
}

// unreadable is the answer to a body that breaks off at m.
func unreadable(m *malformed, at place) *fault.Error {
	code, detail := codeInvalid, m.Error()+"."
	if m.code == codeTooDeep {
		code = codeTooDeep
	}
	return fault.New(fault.Invalid, code, at.sentence(detail)).With(at.pointer(""), m.code, detail)
}
