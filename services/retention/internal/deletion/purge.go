package deletion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/erasure"
)

// Phase is where a deletion is.
type Phase uint8

// The phases.
const (
	Over      Phase = iota // cancelled, or forgotten
	Early                  // not due yet
	Begun                  // on its way
	Certified              // nothing is left but to tell the owner, and to forget them
)

// Store does the database's part. Every method is a transaction inside the account.
type Store interface {
	// Begin marks a due deletion as begun, makes the gateways forget the account and asks the parties.
	Begin(ctx context.Context, certificate string, now time.Time) (Deletion, Progress, Phase, error)
	// Ask asks the parties again that have not answered.
	Ask(ctx context.Context, d Deletion, now time.Time) error
	// Tables lists every table that holds accounts' rows, those that refer to others first.
	Tables(ctx context.Context) ([]string, error)
	// DeleteFrom empties a table of the account and notes the count.
	DeleteFrom(ctx context.Context, d Deletion, table string) (rows int64, err error)
	// ForgetTimers removes what timers and outboxes say about the account and notes the counts. What is at work
	// or on its way out is found and left: it ends by itself.
	ForgetTimers(ctx context.Context, d Deletion) (found int64, err error)
	// Note keeps what was erased from the queues, and since when nothing was found (nil: something was).
	Note(ctx context.Context, d Deletion, queues map[string]int64, next map[string]uint64, clean *time.Time) error
	// Left tells whether the account has a row in any of the tables, while nobody can store its signals.
	Left(ctx context.Context, d Deletion, tables []string) (bool, error)
	// Scrub makes the bytes of deleted rows go from the database's files, as far as it may, and tells what stays.
	Scrub(ctx context.Context, tables []string) ([]erasure.Remain, error)
	// Document reads a certificate from the ledger.
	Document(ctx context.Context, certificate string) ([]byte, error)
	// Certify puts the signed document into the ledger.
	Certify(ctx context.Context, d Deletion, c erasure.Certificate, document []byte, at time.Time) error
	// Forget removes the deletion itself, and the bytes of it.
	Forget(ctx context.Context, d Deletion) error
}

// Erased is what was removed from the queues.
type Erased struct {
	Messages map[string]int64
	Waiting  int // messages that hold others' data, too, and have yet to be processed
	Next     map[string]uint64
}

// Queues removes the account's messages wherever the broker keeps any.
type Queues interface {
	Erase(ctx context.Context, d Deletion, p Progress) (Erased, error)
	// Renew makes the bytes of what was removed and replaced go from the buckets' files, as far as it may, and tells what stays.
	Renew(ctx context.Context) ([]erasure.Remain, error)
}

// Ledger keeps a copy of every certificate outside the database, for after a restore. Again is harmless.
type Ledger interface {
	Append(ctx context.Context, document []byte) error
}

// Mailer tells the owner.
type Mailer interface {
	Certified(ctx context.Context, email string, c erasure.Certificate, document []byte) error
	// Forget removes what is kept of mail to an address.
	Forget(ctx context.Context, email string) error
}

// Purger carries deletions out.
type Purger struct {
	Store    Store
	Queues   Queues
	Ledger   Ledger
	Mailer   Mailer
	Signer   *erasure.Signer
	Instance string // its public URL, which certificates name
	Now      func() time.Time
	// Settle is how long nothing must be found before it is believed; longer than gateways keep signals and
	// what they count to themselves.
	Settle time.Duration
}

const (
	// SettleTime outlasts a gateway's last word about an account's use, which it says every ten seconds.
	SettleTime = 12 * time.Second
	// wait for others: the parties, the analyzer, a timer that is at work.
	wait = 5 * time.Second
	// askEvery is how often a party that does not answer is asked again: what asked before may have been swept.
	askEvery = time.Minute
	// patience is how long rows wait for the auth server. Without a key it never answers.
	patience = 10 * time.Minute
	rounds   = 3
	// noteFor is how long a run that was interrupted may take to note what it has erased: less than a stop leaves it.
	noteFor = time.Second
	// mailFor is how long the certificate's mail is tried. It can be fetched by its address after that, too.
	mailFor = 12 * time.Hour
)

// Run takes the deletion as far as it gets; a positive again says when to come back.
func (p *Purger) Run(ctx context.Context, certificate string) (again time.Duration, err error) {
	now := p.Now()
	d, progress, phase, err := p.Store.Begin(ctx, certificate, now)
	switch {
	case err != nil:
		return 0, err
	case phase == Early:
		return max(d.PurgeAt.Sub(now), time.Second), nil
	case phase == Over:
		return 0, nil
	case phase == Certified:
		return p.tell(ctx, d, progress)
	}
	if now.Sub(progress.AskedAt) > askEvery && (progress.Parties[Billing] == "" || progress.Parties[Auth] == "") {
		if err := p.Store.Ask(ctx, d, now); err != nil {
			return 0, err
		}
	}
	// A subscription that is forgotten before it was cancelled is charged for ever.
	if progress.Parties[Billing] == "" || progress.Parties[Auth] == "" && now.Sub(progress.StartedAt) < patience {
		return wait, nil
	}
	tables, err := p.Store.Tables(ctx)
	if err != nil {
		return 0, err
	}
	var clean *time.Time
	for round := 1; ; round++ {
		if clean, err = p.sweep(ctx, d, &progress, tables); err != nil {
			return 0, err
		}
		if clean != nil || round == rounds {
			break
		}
	}
	switch {
	case clean == nil:
		return wait, nil
	case p.Now().Sub(*clean) < p.Settle:
		return p.Settle - p.Now().Sub(*clean), nil
	case progress.Parties[Auth] == "":
		return wait, nil
	}
	return p.certify(ctx, d, progress, tables)
}

// sweep removes what is there; clean tells since when nothing is found any more, nil that something was.
func (p *Purger) sweep(ctx context.Context, d Deletion, progress *Progress, tables []string) (clean *time.Time, err error) {
	var found int64
	for _, table := range tables {
		n, err := p.Store.DeleteFrom(ctx, d, table)
		if err != nil {
			return nil, err
		}
		found += n
	}
	n, err := p.Store.ForgetTimers(ctx, d)
	if err != nil {
		return nil, err
	}
	found += n
	erased, err := p.Queues.Erase(ctx, d, *progress)
	if err != nil {
		// What was erased before is gone, and nobody will count it again. The run may be ending: that is no reason to forget it.
		noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteFor)
		defer cancel()
		return nil, errors.Join(err, p.Store.Note(noting, d, erased.Messages, progress.Next, nil))
	}
	for _, n := range erased.Messages {
		found += n
	}
	if found == 0 && erased.Waiting == 0 {
		if clean = progress.CleanSince; clean == nil {
			now := p.Now()
			clean = &now
		}
	}
	progress.Next, progress.CleanSince = erased.Next, clean
	return clean, p.Store.Note(ctx, d, erased.Messages, erased.Next, clean)
}

func (p *Purger) certify(ctx context.Context, d Deletion, progress Progress, tables []string) (again time.Duration, err error) {
	left, err := p.Store.Left(ctx, d, tables)
	if err != nil {
		return 0, err
	}
	if left { // written since the sweep looked there
		return time.Second, p.Store.Note(ctx, d, nil, progress.Next, nil)
	}
	remains, err := p.Store.Scrub(ctx, tables)
	if err != nil {
		return 0, err
	}
	kept, err := p.Queues.Renew(ctx)
	if err != nil {
		return 0, err
	}
	at := p.Now()
	c := progress.certificate(d, p.Instance, at, slices.Concat(remains, kept, elsewhere()))
	document, err := p.Signer.Sign(c)
	if err != nil {
		return 0, err
	}
	// Outside first: a certificate that the ledger has and the database has not is written again with the same id.
	if err := p.Ledger.Append(ctx, document); err != nil {
		return 0, fmt.Errorf("keeping the certificate outside the database: %w", err)
	}
	if err := p.Store.Certify(ctx, d, c, document, at); err != nil {
		return 0, err
	}
	return time.Second, nil // telling is a run of its own, which reads what was committed
}

// tell mails the certificate and forgets the owner.
func (p *Purger) tell(ctx context.Context, d Deletion, progress Progress) (again time.Duration, err error) {
	document, err := p.Store.Document(ctx, d.Certificate)
	if err != nil {
		return 0, err
	}
	c, _, err := erasure.Verify(document)
	if err != nil {
		return 0, fmt.Errorf("reading the certificate: %w", err)
	}
	err = p.Mailer.Certified(ctx, progress.Email, c, document)
	if err != nil && p.Now().Sub(*progress.CertifiedAt) < mailFor {
		return 0, fmt.Errorf("mailing the certificate: %w", err)
	}
	if err := p.Mailer.Forget(ctx, progress.Email); err != nil {
		return 0, fmt.Errorf("forgetting mail to the owner: %w", err)
	}
	return 0, p.Store.Forget(ctx, d)
}

// elsewhere is what no purge reaches.
func elsewhere() []erasure.Remain {
	return []erasure.Remain{
		{Where: "backups", Until: "the operator's own rule; what is restored from one is deleted again by the ledger of certificates"},
		{Where: "the broker's files: messages it had removed before", Until: "their block is 8 days old"},
	}
}
