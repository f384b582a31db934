package hook

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

// Source is who told.
type Source string

// The sources.
const (
	Pipeline Source = "hook"
	GitHub   Source = "github"
)

// Act is what a notice is about.
type Act string

// The acts.
const (
	Nothing  Act = ""     // it does not count; Why says why
	Ping     Act = "ping" // it asks whether somebody is there
	Link     Act = "link" // a commit holds a change
	Ship     Act = "ship"
	RollBack Act = "roll_back"
)

// Notice is what was told, in one form whoever told it.
type Notice struct {
	Source     Source
	Event      string
	DeliveryID string // GitHub's
	Digest     []byte // the same digest is the same notice; nil when to repeat it is harmless
	Act        Act
	Why        string // of Nothing
	At         *time.Time
	Via        deployment.Via
	Names      Names
	Held       []Held
	// After came right after Before on the branch that ships: it holds what Before does.
	Before, After string

	Environment string
	Version     string
	Commit      string
	Repository  string // its page
	PullRequest string // its page
	URL         string // where to read more
	CanaryShare *float64
}

// Names is what a notice says it is about.
type Names struct {
	Deployments  []uuid.UUID
	Proposals    []uuid.UUID
	Commits      []string // whole, or seven characters of the beginning at least
	PullRequests []string
	All          bool // everything that is planned
}

// Held are proposals whose change a commit holds.
type Held struct {
	Commit    string
	Proposals []uuid.UUID
	Derived   bool // it is not the merge itself
}

// Candidate is a deployment that a notice may be about.
type Candidate struct {
	ID     uuid.UUID
	Report deployment.Report
}

// Proposal is one that a notice names.
type Proposal struct {
	ID     uuid.UUID
	Status string
}

// Change is a step that a candidate takes.
type Change struct {
	ID     uuid.UUID
	Report deployment.Report
	Step   deployment.Step
}

// Outcome is what came of a notice.
type Outcome string

// The outcomes.
const (
	Matched   Outcome = "matched"
	Unchanged Outcome = "unchanged"
	Linked    Outcome = "linked"
	Unmatched Outcome = "unmatched"
	Ignored   Outcome = "ignored"
	Pinged    Outcome = "ping"
)

// Settlement is what to do about a notice, and why.
type Settlement struct {
	Outcome Outcome
	Reason  string
	Changes []Change
	// About are the deployments that the notice is about, whether they changed or not.
	About []uuid.UUID
}

// Settle decides what a notice does to the deployments that match it. proposals are those of the product among the ones it
// names; by is who reports.
func (n Notice) Settle(candidates []Candidate, proposals []Proposal, by string, now time.Time) Settlement {
	switch n.Act {
	case Nothing:
		return Settlement{Outcome: Ignored, Reason: n.Why}
	case Ping:
		return Settlement{Outcome: Pinged, Reason: "The signature is good: GitHub and Specter have the same secret."}
	case Link:
		return n.link(candidates, proposals)
	default:
		return n.apply(candidates, proposals, by, now)
	}
}

func (n Notice) link(candidates []Candidate, proposals []Proposal) Settlement {
	switch {
	case len(n.Names.Proposals) == 0: // most of what is merged has nothing to do with a proposal
		return Settlement{Outcome: Ignored, Reason: "It has no line “Specter-Proposal: <id>”, so it is about no proposal."}
	case len(proposals) == 0:
		return Settlement{Outcome: Unmatched, Reason: n.unmatched(proposals)}
	}
	s := Settlement{Outcome: Linked, Reason: "Merged, which is not deployed: what ships commit " + short(n.Commit) + " ships the change."}
	for _, c := range candidates {
		s.About = append(s.About, c.ID)
	}
	if waiting := undecided(proposals); waiting != "" {
		s.Reason += " " + waiting
	}
	return s
}

func (n Notice) apply(candidates []Candidate, proposals []Proposal, by string, now time.Time) Settlement {
	var s Settlement
	var whyNot []string
	for _, c := range candidates {
		s.About = append(s.About, c.ID)
		report := c.Report
		step, err := n.step(&report, by, now)
		if err != nil || step.Name == "" {
			whyNot = append(whyNot, still(c.Report, n.Act))
			continue
		}
		s.Changes = append(s.Changes, Change{ID: c.ID, Report: report, Step: step})
	}
	switch {
	case len(s.Changes) > 0:
		s.Outcome, s.Reason = Matched, told(s.Changes)
	case len(candidates) > 0:
		s.Outcome, s.Reason = Unchanged, strings.Join(slices.Compact(slices.Sorted(slices.Values(whyNot))), " ")
	default:
		s.Outcome, s.Reason = Unmatched, n.unmatched(proposals)
	}
	return s
}

// step applies the notice to one report.
func (n Notice) step(r *deployment.Report, by string, now time.Time) (deployment.Step, error) {
	if n.Act == RollBack {
		return r.RollBack(n.At, now)
	}
	if r.Status == deployment.Deployed && n.CanaryShare != nil {
		return r.Edit(deployment.Patch{CanaryShare: n.CanaryShare, CanarySince: n.At}, now)
	}
	return r.Ship(by, n.Shipped(), now)
}

// Shipped is the notice as the report of a deployment.
func (n Notice) Shipped() deployment.Shipped {
	return deployment.Shipped{
		At: n.At, Version: n.Version, Commit: n.Commit, URL: n.URL, Environment: n.Environment, CanaryShare: n.CanaryShare, Via: n.Via,
	}
}

// still says why a report takes no step.
func still(r deployment.Report, act Act) string {
	switch {
	case act == RollBack && r.Status == deployment.RolledBack:
		return "It was rolled back already."
	case act == RollBack && r.Status == deployment.Deployed:
		return "It cannot have been rolled back before it was deployed, or in the future."
	case act == RollBack:
		return "It was not deployed, so it cannot be rolled back."
	case r.Status == deployment.Deployed:
		return "It was reported as deployed already."
	case r.Status == deployment.RolledBack:
		return "It was rolled back, and stays so: approve the change again to ship it again."
	default:
		return "Its time lies too far back, or in the future."
	}
}

func told(changes []Change) string {
	count := map[string]int{}
	for _, c := range changes {
		count[c.Step.Name]++
	}
	var parts []string
	for _, step := range slices.Sorted(func(yield func(string) bool) {
		for name := range count {
			if !yield(name) {
				return
			}
		}
	}) {
		_, word, _ := strings.Cut(step, ".")
		if word == "edited" {
			word = "with another canary share"
		}
		noun := "deployments are"
		if count[step] == 1 {
			noun = "deployment is"
		}
		parts = append(parts, fmt.Sprintf("%d %s %s now.", count[step], noun, strings.ReplaceAll(word, "_", " ")))
	}
	return strings.Join(parts, " ")
}

// unmatched says what a person has to do so that the next one matches.
func (n Notice) unmatched(known []Proposal) string {
	for _, id := range n.Names.Proposals {
		if !slices.ContainsFunc(known, func(p Proposal) bool { return p.ID == id }) {
			return "There is no proposal " + id.String() + " in this product."
		}
	}
	if waiting := undecided(known); waiting != "" {
		return waiting
	}
	switch {
	case len(known) > 0:
		return "The deployment of proposal " + known[0].ID.String() + " was cancelled."
	case len(n.Names.Deployments) > 0:
		return "There is no deployment " + n.Names.Deployments[0].String() + " in this product, or it was cancelled."
	case n.Names.All:
		return "Nothing is planned."
	case n.Commit != "":
		return "No merge with a line “Specter-Proposal: <id>” is known that has commit " + short(n.Commit) + ", and the report names no proposal."
	default:
		return "It names no proposal that is approved, and no commit that is known to hold one."
	}
}

func undecided(proposals []Proposal) string {
	for _, p := range proposals {
		if p.Status != "approved" {
			return "Proposal " + p.ID.String() + " is " + p.Status + ": once it is approved, its deployment can be reported."
		}
	}
	return ""
}

func short(commit string) string {
	const shown = 12
	if len(commit) > shown && isHex(commit) {
		return commit[:shown]
	}
	return commit
}

// digest of what makes two notices the same.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return h.Sum(nil)
}
