package delivery

import (
	"time"
)

// waits between attempts: eleven attempts in 3 d 3 h, plus jitter. The first retry comes soon,
// because most failures are a restart; the last ones give a team a weekend.
func waits() []time.Duration {
	return []time.Duration{
		5 * time.Second, 1 * time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

const (
	// jitter is added to a wait, at most this share of it: deliveries that failed together do not
	// come back together.
	jitter = 0.2
	// longestWish bounds a receiver's Retry-After.
	longestWish = 24 * time.Hour
	// disableAfter is longer than the whole schedule: an endpoint is left alone only after at
	// least one delivery went through all of it.
	disableAfter = 5 * 24 * time.Hour
	// disableFailures keeps one failed test long ago from counting as five days of failures.
	disableFailures = 10

	statusGone = 410
)

// Verdict is what an answer changes.
type Verdict struct {
	Status         Status
	Next           time.Time // of the next attempt while Pending
	Failures       int       // the endpoint's, in a row
	FailingSince   time.Time // zero when healthy
	DisabledReason string    // set when the endpoint is to be disabled
	Reason         string    // why the delivery ended without success
}

// Judge decides after an attempt. random is in [0,1).
func Judge(d Delivery, e Endpoint, a Answer, random float64) Verdict {
	if a.OK() {
		return Verdict{Status: Delivered}
	}
	v := Verdict{Status: Failed, Failures: e.Failures + 1, FailingSince: e.FailingSince}
	if v.FailingSince.IsZero() {
		v.FailingSince = a.At
	}
	if a.Code == statusGone {
		v.DisabledReason, v.Reason = "The endpoint answered 410 Gone.", "gone"
		return v
	}
	if a.At.Sub(v.FailingSince) >= disableAfter && v.Failures >= disableFailures {
		v.DisabledReason, v.Reason = "The endpoint has failed for five days.", "disabled"
		return v
	}
	made := d.Attempts - d.RoundFrom
	if schedule := waits(); made < len(schedule) && d.EventType != TestType {
		wait := schedule[made]
		wait += time.Duration(jitter * random * float64(wait))
		v.Status, v.Next = Pending, a.At.Add(max(wait, min(a.RetryAfter, longestWish)))
		return v
	}
	v.Reason = "exhausted"
	return v
}
