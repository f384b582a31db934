package proposal

import (
	"context"
	"encoding/json"
	"time"
)

// Brief is all that an engine may know about a finding: aggregated evidence, no raw signals.
type Brief struct {
	Family     string
	StartedAt  time.Time
	DetectedAt time.Time
	Context    Context
	Evidence   Evidence
	Raw        json.RawMessage // the evidence's document
	Shipped    *Shipped        // the deployment that regressed, if that is what was found
}

// Draft is what an engine writes.
type Draft struct {
	Title           string
	Diagnosis       string
	SuggestedChange string

	PromptVersion string // "" when there is no prompt
	Tokens        int
	Cost          float64 // US dollars
	Redactions    int
}

// Engine writes the text of a proposal. Numbers it writes must be the evidence's; the service checks them.
type Engine interface {
	Name() string
	Version() string
	Draft(ctx context.Context, b Brief) (Draft, error)
}
