package deletion

import (
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/erasure"
)

// Deletion is an account's wish to be forgotten.
type Deletion struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	RequestedAt time.Time
	PurgeAt     time.Time
	// Certificate is the id of what will prove it.
	Certificate string
}

// LongestGrace is what policy promises: whatever was asked for, the purge begins so early that
// everything is gone within 30 days.
const LongestGrace = 29 * 24 * time.Hour

// Normal bounds PurgeAt by policy.
func (d Deletion) Normal() Deletion {
	if latest := d.RequestedAt.Add(LongestGrace); d.PurgeAt.After(latest) {
		d.PurgeAt = latest
	}
	return d
}

// remindBefore is how long before the purge the owner is reminded of it.
const remindBefore = 3 * 24 * time.Hour

// RemindAt is when the owner is reminded; false when that would be too soon after the first notice.
func (d Deletion) RemindAt() (time.Time, bool) {
	at := d.PurgeAt.Add(-remindBefore)
	return at, at.Sub(d.RequestedAt) >= remindBefore
}

// The parties outside the database that know an account's owner.
const (
	Billing = "billing"
	Auth    = "auth"
)

// nothing is the outcome of a party that did not know the owner.
const nothing = "none"

// Progress is what a purge has done so far. It is kept with the deletion and goes with it; unlike the certificate
// it says whom it is about.
type Progress struct {
	StartedAt time.Time `json:"started_at"`
	Owner     uuid.UUID `json:"owner_user_id"`
	Email     string    `json:"email"`
	// Names of the account's entries in the gateways' catalogue.
	Names []string `json:"names"`
	// AskedAt is when the parties were last asked, Parties what they answered.
	AskedAt time.Time         `json:"asked_at"`
	Parties map[string]string `json:"parties"`

	Tables map[string]int64 `json:"tables"`
	Timers map[string]int64 `json:"timers"`
	Queues map[string]int64 `json:"queues"`
	// Next is where the streams are looked at from the next time.
	Next map[string]uint64 `json:"next"`
	// CleanSince is when a sweep found nothing for the first time.
	CleanSince *time.Time `json:"clean_since,omitempty"`
	// CertifiedAt is when the certificate was signed.
	CertifiedAt *time.Time `json:"certified_at,omitempty"`
}

// Answered notes what a party did. One that is asked again has nothing left to forget, which takes back nothing that it did.
func (p *Progress) Answered(party, outcome string) {
	if outcome == nothing && p.Parties[party] != "" {
		return
	}
	p.Parties[party] = outcome
}

// certificate is what p proves at the end.
func (p Progress) certificate(d Deletion, instance string, at time.Time, remains []erasure.Remain) erasure.Certificate {
	return erasure.Certificate{
		ID: d.Certificate, Instance: instance, Subject: erasure.NewSubject(d.AccountID),
		RequestedAt: seconds(d.RequestedAt), StartedAt: seconds(p.StartedAt), CompletedAt: seconds(at),
		Tables: p.Tables, Timers: p.Timers, Queues: p.Queues, Parties: p.Parties, Catalog: int64(len(p.Names)), Remains: remains,
	}
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
