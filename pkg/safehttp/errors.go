package safehttp

import "errors"

// Reason is a stable code for why a URL was refused.
type Reason string

// The reasons, in the order in which the rules are applied.
const (
	TooLong      Reason = "url_too_long"
	Malformed    Reason = "url_malformed"
	Scheme       Reason = "url_scheme"
	UserInfo     Reason = "url_userinfo"
	Port         Reason = "url_port"
	HostName     Reason = "url_host"
	OwnHost      Reason = "url_own_host"
	Unresolvable Reason = "url_unresolvable"
	Address      Reason = "url_address"
)

// Error says why a URL was refused. Detail is a sentence for the person who typed the
// URL. It never tells which address a name resolved to, because that would turn the
// guard into a way to read an internal name service.
type Error struct {
	Reason Reason
	Detail string
	Err    error
}

// Error implements error.
func (e *Error) Error() string { return "refused URL: " + e.Detail }

// Unwrap returns what the resolver said, if that was the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrBodyTooLarge is what reading an answer returns once Policy.MaxBody bytes were
// read and more follow. The connection is not usable afterwards.
var ErrBodyTooLarge = errors.New("response body is larger than allowed")

// ErrProxy is in the chain of every failure of the operator's egress proxy. What it wraps may name the
// proxy, which is not for those whose requests go through it.
var ErrProxy = errors.New("the egress proxy failed")

func refuse(r Reason, detail string) *Error { return &Error{Reason: r, Detail: detail} }
