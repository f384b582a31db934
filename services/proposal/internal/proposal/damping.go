package proposal

import (
	"time"

	"github.com/google/uuid"
)

// Refusal is why a person rejected a proposal.
type Refusal string

// The reasons.
const (
	NotAProblem     Refusal = "not_a_problem" // it is meant to be so, or does not matter
	WrongCause      Refusal = "wrong_cause"   // the trouble is there, its explanation is not
	WontFix         Refusal = "wont_fix"      // it is known and stays
	AlreadyProposed Refusal = "duplicate"     // another proposal has it
	OtherReason     Refusal = "other"
)

const (
	// longestMute is how far back rejections matter.
	longestMute = 90 * day
	// familyFade is how long a rejection damps the others of its family in the context; its weight falls evenly to nothing.
	familyFade = 14 * day
	// leastSure is the confidence, after damping, that a proposal of a damped family needs.
	leastSure = 0.35

	day = 24 * time.Hour
)

// Rejection is a no to an earlier proposal of the same context, of the same matter or the same family.
type Rejection struct {
	ProposalID  uuid.UUID
	Fingerprint string
	Family      string
	Reason      Refusal
	Severity    float64 // of what was rejected
	At          time.Time
}

// effect is what a reason does: for how long the same matter is not proposed again, and how much of their confidence
// others of the family lose at first.
func (r Refusal) effect() (mute time.Duration, weight float64) {
	switch r {
	case NotAProblem:
		return 30 * day, 0.5
	case WontFix:
		return longestMute, 0.3
	case WrongCause:
		return 7 * day, 0.2 // with another explanation it is another matter
	case AlreadyProposed:
		return 14 * day, 0 // says nothing about the family
	default:
		return 14 * day, 0.25
	}
}

// Rule that keeps a finding from becoming a proposal.
type Rule string

// The rules.
const (
	SameMatter Rule = "same_matter"
	SameFamily Rule = "same_family"
)

// Skip is why a finding becomes no proposal. It is kept beside the finding, which stays visible.
type Skip struct {
	Rule      Rule
	Rejection Rejection
	Until     time.Time // the rejection stands in the way until then
}

// Damping is what earlier rejections do to a proposal about to be made.
//
//   - The same matter (the same fingerprint) is not proposed again for a time that its reason gives: not_a_problem 30
//     days, wont_fix 90, duplicate and other 14, wrong_cause 7.
//   - The same family in the same context loses confidence and priority: each rejection takes its weight
//     (not_a_problem 0.5, wont_fix 0.3, other 0.25, wrong_cause 0.2, duplicate 0), which fades evenly over 14 days; the
//     rest multiplies. What is left of the confidence must reach 0.35.
//   - What is much worse than all that was rejected is proposed all the same: its severity has at least doubled, or has
//     come half the way that was left to 1.
//   - A deployment that regressed is damped by its own rejection only: people asked to be told of it.
//   - A rejection that is undone is not there any more and damps nothing.
type Damping struct {
	Factor float64 // of confidence and priority, 0–1
	Skip   *Skip
}

// damp applies rejections to a proposal of a fingerprint, family, severity and confidence.
func damp(p Proposal, rejections []Rejection, now time.Time) Damping {
	out := Damping{Factor: 1}
	var heaviest *Rejection
	var most float64
	worst := 0.0
	for i, r := range rejections {
		mute, weight := r.Reason.effect()
		age := now.Sub(r.At)
		if r.Fingerprint == p.Fingerprint {
			if until := r.At.Add(mute); now.Before(until) && !muchWorse(p.Severity, r.Severity) && (out.Skip == nil || until.After(out.Skip.Until)) {
				out.Skip = &Skip{Rule: SameMatter, Rejection: r, Until: until}
			}
		}
		if r.Family != p.Family || p.Family == DeploymentRegressed || age >= familyFade {
			continue
		}
		weight *= 1 - max(0, age.Seconds())/familyFade.Seconds()
		out.Factor *= 1 - weight
		worst = max(worst, r.Severity)
		if weight > most {
			most, heaviest = weight, &rejections[i]
		}
	}
	if out.Skip == nil && heaviest != nil && out.Factor*p.Confidence < leastSure && !muchWorse(p.Severity, worst) {
		out.Skip = &Skip{Rule: SameFamily, Rejection: *heaviest, Until: heaviest.At.Add(familyFade)}
	}
	return out
}

// muchWorse compares severities of 0 to 1.
func muchWorse(now, before float64) bool { return now >= 2*before || 1-now <= (1-before)/2 }
