package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a failure means to the caller. The list is append-only: values cross the wire
// in dead letters, so a number never changes its meaning.
type Kind uint8

const (
	Internal           Kind = iota // ours; details only in the log
	Invalid                        // the input can never be accepted as it is
	Unauthenticated                // no valid credentials
	Forbidden                      // valid credentials that may not do this
	NotFound                       // absent, or belongs to somebody else: indistinguishable on purpose
	Conflict                       // the state does not allow it
	PreconditionFailed             // If-Match named another version
	TooLarge                       // a stated size limit was passed
	RateLimited                    // too fast; RetryAfter says when
	QuotaExceeded                  // the plan's amount is used up; RetryAfter says when it renews
	Unavailable                    // a dependency is away; retrying later can help
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "forbidden", "not_found", "conflict",
	"precondition_failed", "too_large", "rate_limited", "quota_exceeded", "unavailable",
}

// String returns the kind's stable lower-case name; an unknown kind reads "internal".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// Field points at one bad part of the input.
type Field struct {
	Pointer string // JSON pointer (RFC 6901) into the body, "" for the whole body
	Code    string // stable, machine readable
	Detail  string // a sentence for people
}

// Error is a failure whose meaning to the caller is known.
type Error struct {
	Kind       Kind
	Code       string        // stable, snake_case, part of the public contract
	Detail     string        // a plain sentence, safe to show
	Fields     []Field       // which parts of the input were wrong
	RetryAfter time.Duration // 0 = not said
	Err        error         // the cause, for the log only
}

// New returns an Error without a cause.
func New(k Kind, code, detail string) *Error {
	return &Error{Kind: k, Code: code, Detail: detail}
}

// Newf is New with a formatted detail.
func Newf(k Kind, code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Wrap gives err a meaning; errors.Is and errors.As still reach err.
func Wrap(err error, k Kind, code, detail string) *Error {
	return &Error{Kind: k, Code: code, Detail: detail, Err: err}
}

// Error is the text for the log: code, detail and cause.
func (e *Error) Error() string {
	text := e.Code + ": " + e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// With returns a copy that also points at a bad part of the input.
func (e *Error) With(pointer, code, detail string) *Error {
	c := *e
	c.Fields = append(append([]Field(nil), e.Fields...), Field{Pointer: pointer, Code: code, Detail: detail})
	return &c
}

// After returns a copy that says when a retry makes sense.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// As returns the outermost *Error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err carries an *Error of kind k.
func Is(err error, k Kind) bool {
	e := As(err)
	return e != nil && e.Kind == k
}

type permanent struct{ err error }

func (p permanent) Error() string { return p.err.Error() }
func (p permanent) Unwrap() error { return p.err }

// Permanent marks err as one that retrying cannot help: the bus dead-letters the message at once.
// A nil err stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent reports whether err was marked by Permanent or is of a kind that a retry cannot
// change (Invalid, NotFound, Conflict).
func IsPermanent(err error) bool {
	var p permanent
	if errors.As(err, &p) {
		return true
	}
	e := As(err)
	if e == nil {
		return false
	}
	switch e.Kind {
	case Invalid, NotFound, Conflict:
		return true
	default:
		return false
	}
}
