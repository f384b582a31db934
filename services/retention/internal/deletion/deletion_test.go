package deletion

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/erasure"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestNobodyWaitsLongerThanPolicyPromises(t *testing.T) {
	t.Parallel()
	d := Deletion{RequestedAt: start, PurgeAt: start.AddDate(1, 0, 0)}.Normal()
	require.Equal(t, start.Add(29*24*time.Hour), d.PurgeAt)
	at, ok := d.RemindAt()
	require.True(t, ok)
	require.Equal(t, start.Add(26*24*time.Hour), at)
	d.PurgeAt = start.Add(time.Hour)
	require.Equal(t, start.Add(time.Hour), d.Normal().PurgeAt)
	_, ok = d.RemindAt()
	require.False(t, ok, "the first notice is fresh enough")
}

// world is everything around a purge: a store and queues into which others write, and a process that is killed
// at any call.
type world struct {
	now      time.Time
	phase    Phase
	d        Deletion
	p        Progress
	rows     int64 // of the account
	messages int64
	timers   int64
	waiting  int
	late     int // sweeps during which somebody writes a row
	document []byte
	file     []string // certificates' ids
	mails    int
	mailDown bool
	sends    bool
	forgot   bool
	calls    int
	killAt   int
}

var errKilled = errors.New("killed")

func newWorld() *world {
	return &world{
		now: start, phase: Begun, rows: 3, messages: 2, timers: 1, sends: true,
		d: Deletion{ID: uuid.New(), AccountID: uuid.New(), RequestedAt: start.Add(-time.Hour), PurgeAt: start, Certificate: erasure.NewID()},
		p: Progress{StartedAt: start, AskedAt: start, Email: "ann@example.test", Parties: map[string]string{Billing: "none", Auth: "deleted"}, Tables: map[string]int64{}, Timers: map[string]int64{}, Queues: map[string]int64{}},
	}
}

// call counts the calls, and kills the process once.
func (w *world) call() error {
	w.calls++
	if w.calls == w.killAt {
		return errKilled
	}
	return nil
}

func (w *world) Begin(context.Context, string, time.Time) (Deletion, Progress, Phase, error) {
	phase := w.phase
	if w.forgot {
		phase = Over
	}
	return w.d, w.p, phase, w.call()
}

func (w *world) Ask(context.Context, Deletion, time.Time) error {
	w.p.AskedAt = w.now
	return w.call()
}
func (w *world) Tables(context.Context) ([]string, error) { return []string{"a"}, w.call() }
func (w *world) DeleteFrom(context.Context, Deletion, string) (int64, error) {
	n := w.rows
	w.p.Tables["a"] += n
	w.rows = 0
	if w.late > 0 {
		w.late, w.rows = w.late-1, 1
	}
	return n, w.call()
}

func (w *world) ForgetTimers(context.Context, Deletion) (int64, error) {
	n := w.timers
	w.timers = 0
	return n, w.call()
}

func (w *world) Erase(context.Context, Deletion, Progress) (Erased, error) {
	n := w.messages
	w.messages = 0
	return Erased{Messages: map[string]int64{"EVENTS": n}, Waiting: w.waiting}, w.call()
}

func (w *world) Note(_ context.Context, _ Deletion, queues map[string]int64, next map[string]uint64, clean *time.Time) error {
	for name, n := range queues {
		w.p.Queues[name] += n
	}
	w.p.Next, w.p.CleanSince = next, clean
	return w.call()
}
func (w *world) Left(context.Context, Deletion, []string) (bool, error) { return w.rows > 0, w.call() }
func (w *world) Renew(context.Context) ([]erasure.Remain, error) {
	return []erasure.Remain{{Where: "a large bucket", Until: "the broker writes it anew"}}, w.call()
}

func (w *world) Scrub(context.Context, []string) ([]erasure.Remain, error) {
	return []erasure.Remain{{Where: "x", Until: "y"}}, w.call()
}

func (w *world) Append(_ context.Context, document []byte) error {
	c, _, err := erasure.Verify(document)
	if err == nil && (len(w.file) == 0 || w.file[0] != c.ID) {
		w.file = append(w.file, c.ID)
	}
	return errors.Join(err, w.call())
}

func (w *world) Certify(_ context.Context, _ Deletion, _ erasure.Certificate, document []byte, at time.Time) error {
	w.document, w.p.CertifiedAt, w.phase = document, &at, Certified
	return w.call()
}
func (w *world) Document(context.Context, string) ([]byte, error) { return w.document, w.call() }
func (w *world) Forget(context.Context, Deletion) error {
	w.forgot = true
	return w.call()
}

func (w *world) Send(_ context.Context, m Mail) error {
	if w.mailDown {
		return errors.New("down")
	}
	w.mails++
	if m.To != "ann@example.test" {
		return errors.New("to somebody else")
	}
	return w.call()
}
func (w *world) Sends() bool { return w.sends }

// Mail and Store each forget: the store's is the one that counts.
type mailbox struct{ *world }

func (m mailbox) Forget(context.Context, string) error { return m.call() }

func (w *world) purger(t *testing.T) *Purger {
	t.Helper()
	signer, err := erasure.NewSigner(strings.Repeat("s", 32))
	require.NoError(t, err)
	return &Purger{
		Store: w, Queues: w, Ledger: w, Mailer: Letters{Post: mailbox{w}}, Signer: signer, Instance: "https://x.test", Now: func() time.Time { return w.now }, Settle: SettleTime,
	}
}

// run works like the timer does: it comes back when it was told to, and a minute after an error.
func (w *world) run(t *testing.T, most int) {
	t.Helper()
	p := w.purger(t)
	for range most {
		again, err := p.Run(t.Context(), w.d.Certificate)
		if err != nil {
			again = time.Minute
		}
		if again == 0 {
			return
		}
		w.now = w.now.Add(again)
	}
}

func TestAPurgeEndsWithACertificateAMailAndNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.late = 4 // longer than one run sweeps
	w.run(t, 20)
	require.True(t, w.forgot)
	require.Equal(t, 1, w.mails)
	c, _, err := erasure.Verify(w.document)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"a": 7}, c.Tables)
	require.True(t, c.Subject.Is(w.d.AccountID))
	require.GreaterOrEqual(t, c.CompletedAt.Sub(start), SettleTime, "it is believed after a while only")
	require.Len(t, c.Remains, 4)
	require.Contains(t, c.Remains, erasure.Remain{Where: "a large bucket", Until: "the broker writes it anew"})
	require.Equal(t, []string{w.d.Certificate}, w.file)
}

// Whatever call a purge is killed in, the next run brings it to the same end.
func TestAPurgeKilledAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	whole := newWorld()
	whole.run(t, 20)
	require.True(t, whole.forgot)
	for at := 1; at <= whole.calls; at++ {
		w := newWorld()
		w.killAt = at
		w.run(t, 40)
		require.True(t, w.forgot, "killed in call %d", at)
		require.GreaterOrEqual(t, w.mails, 1, "killed in call %d", at)
		require.Zero(t, w.rows+w.messages+w.timers)
		require.Len(t, w.file, 1)
		c, _, err := erasure.Verify(w.document)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"EVENTS": 2}, c.Queues, "killed in call %d", at)
	}
}

// Who is asked again has nothing left to forget, and may say so late.
func TestNothingWasThereTakesNoOutcomeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said []string
		want string
	}{
		{[]string{"none"}, "none"},
		{[]string{"none", "none"}, "none"},
		{[]string{"deleted", "none"}, "deleted"},
		{[]string{"none", "deleted", "none"}, "deleted"},
		{[]string{"kept", "none"}, "kept"},
		{[]string{"kept", "deleted"}, "deleted"},
	} {
		p := Progress{Parties: map[string]string{}}
		for _, outcome := range c.said {
			p.Answered(Auth, outcome)
		}
		require.Equal(t, map[string]string{Auth: c.want}, p.Parties, "%v", c.said)
	}
}

func TestNothingIsSweptBeforeBillingHasAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.p.Parties = map[string]string{Auth: "deleted"}
	w.run(t, 200)
	require.EqualValues(t, 3, w.rows)
	require.True(t, w.p.AskedAt.After(start), "it is asked again")
}

func TestRowsDoNotWaitForTheAuthServerForEverButTheCertificateDoes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.p.Parties = map[string]string{Billing: "deleted"}
	w.run(t, 10)
	require.EqualValues(t, 3, w.rows)
	w.run(t, 200)
	require.Zero(t, w.rows)
	require.Nil(t, w.document)
	w.p.Parties[Auth] = "deleted"
	w.run(t, 20)
	require.True(t, w.forgot)
}

func TestWhatOthersHaveYetToStoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.waiting = 1
	w.run(t, 50)
	require.Nil(t, w.document)
	w.waiting = 0
	w.run(t, 20)
	require.True(t, w.forgot)
}

func TestAMailThatCannotBeSentDelaysForgettingForHalfADayOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.mailDown = true
	w.run(t, 30)
	require.False(t, w.forgot)
	w.mailDown = false
	w.run(t, 20)
	require.True(t, w.forgot)
	require.Equal(t, 1, w.mails)

	never := newWorld()
	never.mailDown = true
	never.run(t, 2000)
	require.True(t, never.forgot)

	kept := newWorld() // where mail is kept for the operator nothing is: it would outlast the account
	kept.sends = false
	kept.run(t, 30)
	require.True(t, kept.forgot)
	require.Zero(t, kept.mails)
}

func TestAnEarlyPurgeComesBackAndAnEndedOneDoesNot(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.phase, w.d.PurgeAt = Early, start.Add(time.Hour)
	again, err := w.purger(t).Run(t.Context(), w.d.Certificate)
	require.NoError(t, err)
	require.Equal(t, time.Hour, again)
	w.phase = Over
	again, err = w.purger(t).Run(t.Context(), w.d.Certificate)
	require.NoError(t, err)
	require.Zero(t, again)
	require.EqualValues(t, 3, w.rows)
}

func TestNoticesSayHowToComeBackAndOnlyWhileThatIsPossible(t *testing.T) {
	t.Parallel()
	var sent []Mail
	letters := Letters{Post: postFunc(func(m Mail) error { sent = append(sent, m); return nil }), Instance: "https://x.test"}
	d := Deletion{AccountID: uuid.New(), RequestedAt: start, PurgeAt: start.Add(24 * time.Hour), Certificate: erasure.NewID()}
	tell := func(n Notice, open bool, at time.Time) {
		require.NoError(t, letters.Notify(t.Context(), n, d, "ann@example.test", open, at))
	}
	tell(Scheduled, false, start)
	require.Len(t, sent, 1)
	for _, said := range []string{"2 March 2026, 12:00 UTC", "https://x.test/deletions/" + d.Certificate, d.AccountID.String()} {
		require.Contains(t, sent[0].Text, said)
	}
	tell(Reminder, true, start)       // cancelled meanwhile
	tell(Scheduled, false, d.PurgeAt) // nothing to change any more
	require.Len(t, sent, 1)
	tell(Cancelled, true, start)
	require.Len(t, sent, 2)
}

type postFunc func(Mail) error

func (f postFunc) Send(_ context.Context, m Mail) error { return f(m) }
func (postFunc) Sends() bool                            { return true }
func (postFunc) Forget(context.Context, string) error   { return nil }
