package deployment

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	// maxAge is how far back a deployment may be reported: as long as signals are kept.
	maxAge = 24 * 30 * 24 * time.Hour
	// MaxSkew is how far ahead a reporter's clock may be.
	MaxSkew        = 5 * time.Minute
	maxVersion     = 200
	maxCommit      = 64
	maxURL         = 2000
	maxEnvironment = 100
)

// Shipped is the report that a planned change went out.
type Shipped struct {
	At          *time.Time // nil = now; may lie in the past
	Version     string
	Commit      string
	URL         string
	Environment string
	CanaryShare *float64 // percent; nil = everybody
	Via         Via
}

// Ship is the step from planned to deployed.
func (r *Report) Ship(by string, shipped Shipped, now time.Time) (Step, error) {
	if r.Status != Planned {
		return Step{}, wrongState(r.Status, "only a planned deployment can be reported as deployed")
	}
	at := now
	if shipped.At != nil {
		at = *shipped.At
	}
	next := *r
	next.Status, next.DeployedAt, next.ReportedAt, next.ReportedBy, next.Via = Deployed, &at, &now, by, shipped.Via
	next.Version, next.Commit, next.URL, next.Environment = shipped.Version, shipped.Commit, shipped.URL, shipped.Environment
	next.CanaryShare = FullShare
	if shipped.CanaryShare != nil {
		next.CanaryShare = *shipped.CanaryShare
	}
	if err := next.check(now); err != nil {
		return Step{}, err
	}
	*r = next
	return Step{Name: stepShipped, ShareSince: &at}, nil
}

// Patch holds what to correct; nil leaves a field as it is. IfRevision 0 edits whatever is there.
type Patch struct {
	At          *time.Time
	Version     *string
	Commit      *string
	URL         *string
	Environment *string
	CanaryShare *float64
	CanarySince *time.Time // nil = now
	IfRevision  int
}

// Edit corrects the report of what shipped. Whoever has seen a verdict must not choose another time for its test.
func (r *Report) Edit(p Patch, now time.Time) (Step, error) {
	if p.IfRevision != 0 && p.IfRevision != r.Revision {
		return Step{}, fault.New(fault.PreconditionFailed, "precondition_failed", "Somebody changed this in the meantime. Load it again.")
	}
	if r.Status != Deployed && r.Status != RolledBack {
		return Step{}, wrongState(r.Status, "only what was reported as deployed can be edited")
	}
	next := *r
	for to, from := range map[*string]*string{&next.Version: p.Version, &next.Commit: p.Commit, &next.URL: p.URL, &next.Environment: p.Environment} {
		if from != nil {
			*to = *from
		}
	}
	if p.At != nil && !p.At.Equal(*r.DeployedAt) {
		if err := r.mayMove(); err != nil {
			return Step{}, err
		}
		at := *p.At
		next.DeployedAt = &at
	}
	step := Step{Name: stepEdited}
	if p.CanaryShare != nil && *p.CanaryShare != r.CanaryShare {
		since, err := shareSince(next, p.CanarySince, now)
		if err != nil {
			return Step{}, err
		}
		next.CanaryShare, step.ShareSince = *p.CanaryShare, &since
	}
	if err := next.check(now); err != nil {
		return Step{}, err
	}
	if next == *r {
		return Step{}, nil // it is as they say already
	}
	*r = next
	return step, nil
}

// mayMove refuses another time for a deployment whose test is over.
func (r *Report) mayMove() error {
	if r.Judged {
		return fault.New(fault.Conflict, "already_judged", "The deployment has its verdict: its time cannot be changed any more, or the test would be another one.")
	}
	if r.Status != Deployed {
		return wrongState(r.Status, "its time cannot be changed any more")
	}
	return nil
}

func shareSince(r Report, at *time.Time, now time.Time) (time.Time, error) {
	if r.Status != Deployed {
		return now, wrongState(r.Status, "its canary share cannot change any more")
	}
	since := now
	if at != nil {
		since = *at
	}
	if since.Before(*r.DeployedAt) || since.After(now.Add(MaxSkew)) {
		return since, invalid("/canary_since", "invalid_time", "canary_since must lie between the deployment and now.")
	}
	return since, nil
}

// Cancel is the step from planned to cancelled.
func (r *Report) Cancel(now time.Time) (Step, error) {
	if r.Status != Planned {
		return Step{}, wrongState(r.Status, "only a planned deployment can be cancelled")
	}
	r.Status, r.CancelledAt = Cancelled, &now
	return Step{Name: stepCancelled}, nil
}

// RollBack is the step from deployed (and later) to rolled_back.
func (r *Report) RollBack(at *time.Time, now time.Time) (Step, error) {
	if r.Status != Deployed {
		return Step{}, wrongState(r.Status, "only a deployed change can be rolled back")
	}
	when := now
	if at != nil {
		when = *at
	}
	if when.Before(*r.DeployedAt) || when.After(now.Add(MaxSkew)) {
		return Step{}, invalid("/rolled_back_at", "invalid_time", "rolled_back_at must lie between the deployment and now.")
	}
	r.Status, r.RolledBackAt = RolledBack, &when
	return Step{Name: stepRolledBack}, nil
}

// check holds for every report of something that shipped.
func (r *Report) check(now time.Time) error {
	if r.DeployedAt.After(now.Add(MaxSkew)) || r.DeployedAt.Before(now.Add(-maxAge)) {
		return invalid("/deployed_at", "invalid_time", "deployed_at must lie within the last 24 months.")
	}
	if !(r.CanaryShare >= 0 && r.CanaryShare <= FullShare) { // written so that NaN is refused, too
		return invalid("/canary_share", "out_of_range", "canary_share is a percentage from 0 to 100.")
	}
	for _, field := range []struct {
		pointer, text string
		limit         int
	}{
		{"/version", r.Version, maxVersion}, {"/commit", r.Commit, maxCommit}, {"/url", r.URL, maxURL}, {"/environment", r.Environment, maxEnvironment},
	} {
		if utf8.RuneCountInString(field.text) > field.limit || strings.ContainsFunc(field.text, func(r rune) bool { return r < ' ' }) || !utf8.ValidString(field.text) {
			return invalid(field.pointer, "too_long", "The text is too long or holds control characters.")
		}
	}
	if r.URL != "" && !IsLink(r.URL) {
		return invalid("/url", "invalid_url", "A link begins with https:// or http://.")
	}
	return nil
}

// IsLink tells whether a text may be shown as a link: a javascript: link would run in the session of whoever follows it.
func IsLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func wrongState(have Status, rule string) error {
	return fault.Newf(fault.Conflict, "conflict", "The deployment is %s; %s.", have, rule)
}

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}
