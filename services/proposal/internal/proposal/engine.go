package proposal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Brief is all that an engine may know about a finding: aggregated evidence, no raw signals.
type Brief struct {
	AccountID   uuid.UUID // whose budget pays; it never leaves
	Family      string
	StartedAt   time.Time
	StartedLow  time.Time // with StartedHigh the 95 % interval of StartedAt; zero where it is not known
	StartedHigh time.Time
	DetectedAt  time.Time
	Context     Context
	Evidence    Evidence
	Shipped     *Shipped // the deployment that regressed, if that is what was found
	Refused     *Refused // what the same engine wrote before; nil at the first attempt
}

// Refused is a draft that was not accepted, and why. The draft is empty when the answer was not one.
type Refused struct {
	Draft      Draft
	Violations []Violation
}

// Draft is what an engine writes, and what that took.
type Draft struct {
	Title           string
	Diagnosis       string
	SuggestedChange string
	Usage           Usage
}

// Usage is what writing took. Tokens and cost are an upper bound where the provider did not say.
type Usage struct {
	TokensIn  int
	TokensOut int
	Cost      float64 // US dollars
}

func (u *Usage) add(more Usage) {
	u.TokensIn += more.TokensIn
	u.TokensOut += more.TokensOut
	u.Cost += more.Cost
}

// Author names an engine as the provenance shows it.
type Author struct {
	Engine        string
	Version       string
	Provider      string // host that is asked; "" when none is
	Model         string
	PromptVersion string
}

// Engine writes the text of a proposal. Numbers and names it writes must be the evidence's; the Writer checks them. With
// an error the draft holds nothing but the usage; a *Failure says that this engine cannot now, any other error that the
// finding should be handled again.
type Engine interface {
	Author() Author
	Draft(ctx context.Context, b Brief) (Draft, error)
}

// Reason is why another engine had to write.
type Reason string

// The reasons.
const (
	TimedOut      Reason = "timeout"
	RateLimited   Reason = "rate_limited"
	Unavailable   Reason = "unavailable"    // no connection, a server's error, or a request it refuses
	InvalidAnswer Reason = "invalid_answer" // not the document asked for
	Ungrounded    Reason = "ungrounded"     // it says what the evidence does not
	OverBudget    Reason = "budget"         // of the account and day
	CircuitOpen   Reason = "circuit_open"   // it failed too often just now and is left alone for a while
)

// Failure of an engine.
type Failure struct {
	Reason     Reason
	Violations []Violation // of an invalid answer
	Err        error       // for the log; never holds what was sent or answered
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return fmt.Sprintf("%s: %v", f.Reason, f.Err)
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// failed returns the failure err tells of, or nil.
func failed(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// Fallback says which engine was asked first and why it did not write.
type Fallback struct {
	From          string `json:"from"`
	Provider      string `json:"provider,omitempty"`
	Model         string `json:"model,omitempty"`
	PromptVersion string `json:"prompt_version,omitempty"`
	Reason        Reason `json:"reason"`
}
