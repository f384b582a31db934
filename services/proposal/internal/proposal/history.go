package proposal

import (
	"time"

	"github.com/google/uuid"
)

// After is what had become of a closed proposal when its matter came again.
type After string

// The ends of a proposal. Improved is an approved one whose deployment was verified: what was fixed regressed again.
const (
	AfterImproved  After = "improved"
	AfterApproved  After = "approved"
	AfterRejected  After = "rejected"
	AfterDuplicate After = "duplicate"
	AfterExpired   After = "expired"
)

// Before is the newest closed proposal of the same matter.
type Before struct {
	ProposalID uuid.UUID
	After      After
}

// History is what is known of a matter when a finding tells of it.
type History struct {
	Open       bool        // a proposal of it waits for a decision and absorbs the finding
	Rejections []Rejection // of the matter and of its family in the context, within longestMute
	Before     *Before     // nil when it is new
}

// RejectionsSince is how far back a History's rejections go.
func RejectionsSince(now time.Time) time.Time { return now.Add(-longestMute) }

// apply returns p as its history leaves it, or why it is not made. An open proposal takes the finding in any case.
func (h History) apply(p Proposal, now time.Time) (Proposal, *Skip) {
	d := damp(p, h.Rejections, now)
	if d.Skip != nil && !h.Open {
		return p, d.Skip
	}
	p.Confidence *= d.Factor
	p.Priority *= d.Factor
	if d.Factor < 1 {
		p.Provenance.Damped = &d.Factor
	}
	if !h.Open {
		p.Reopens = h.Before
	}
	return p, nil
}
