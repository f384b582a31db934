package retention

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/disclosure"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/services/retention/internal/age"
	"github.com/draftlabs/specter/services/retention/internal/broker"
	"github.com/draftlabs/specter/services/retention/internal/consume"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
	"github.com/draftlabs/specter/services/retention/internal/export"
	"github.com/draftlabs/specter/services/retention/internal/ledger"
	"github.com/draftlabs/specter/services/retention/internal/postgres"
	"github.com/draftlabs/specter/services/retention/internal/timers"
)

const (
	name = "retention"
	// restShare makes a builder of exports rest half of the time.
	restShare = 1.0
	// lateAfter is when the log says that a deletion is late: a purge takes seconds.
	lateAfter = time.Hour
)

// Module describes the service to the programs that host it.
func Module() svcmain.Module { return svcmain.Define(name, true, load, New) }

// Service is retention at work.
type Service struct{ lifecycle.Service }

// Handler is nil: people see deletions through the dashboard.
func (s *Service) Handler() http.Handler { return nil }

// New wires the service; nothing runs before Run.
func New(c Config, p svcmain.Platform) (*Service, error) {
	keeper, err := age.NewKeeper(postgres.NewAges(p.DB, uuid.NewV7), c.Ages.Months, p.Now)
	if err != nil {
		return nil, err
	}
	sender, err := mail.Open(c.Mail, p.Log)
	if err != nil {
		return nil, err
	}
	signer, err := erasure.NewSigner(c.SecretKey)
	if err != nil {
		return nil, err
	}
	purger := &deletion.Purger{
		Queues: broker.New(p.Bus, c.ScrubMiB*mebibyte), Ledger: ledger.NewFile(c.LedgerFile), Signer: signer, Instance: c.PublicURL, Now: p.Now, Settle: deletion.SettleTime,
	}
	letters := deletion.Letters{Post: post{sender, c.Mail.Sends()}, Instance: c.PublicURL}
	purger.Mailer = letters
	var deletions *postgres.Deletions
	var exports *postgres.Exports
	var builder *export.Builder
	lag := telemetry.MustRegister(p.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "specter_retention_deletion_lag_seconds", Help: "For how long the first account's deletion that is not over is due, 0 when none is.",
	}))
	told := export.Letters{Mailer: sender, Instance: c.PublicURL, Now: p.Now}
	tasks, err := timers.New(p.DB, p.Log, timers.Work{
		Ensure: func(ctx context.Context) error {
			created, err := keeper.Ensure(ctx)
			if created > 0 {
				p.Log.Info("made partitions", zap.Int("created", created))
			}
			return err
		},
		Purge: func(ctx context.Context) error {
			report, err := keeper.Purge(ctx)
			p.Log.Info("purged by age", zap.Int("partitions", len(report.Partitions)), zap.Any("rows", report.Rows),
				zap.Int("plan_accounts", report.PlanAccounts), zap.Any("plan_rows", report.PlanRows))
			full, rolled := p.Bus.Roll(ctx) // what the broker removed by its age is in its files still
			if len(full) > 0 {
				p.Log.Info("streams without room for a new file", zap.Strings("streams", full))
			}
			return errors.Join(err, rolled)
		},
		// Called after Run, when the store is there.
		Account: purger.Run,
		Due: func(ctx context.Context) error {
			resumed, late, err := deletions.Resume(ctx, p.Now())
			if err != nil {
				return err
			}
			if lag.Set(late.Seconds()); late > lateAfter {
				p.Log.Warn("a deletion is late", zap.Duration("late", late))
			}
			if resumed > 0 {
				p.Log.Info("going on with deletions whose timer was gone", zap.Int("deletions", resumed))
			}
			return nil
		},
		Notice: func(ctx context.Context, certificate string, n deletion.Notice) error {
			d, email, open, ok, err := deletions.Notice(ctx, certificate)
			if err != nil || !ok {
				return err
			}
			return letters.Notify(ctx, n, d, email, open, p.Now())
		},
		Export: func(ctx context.Context, account, id uuid.UUID) (bool, error) { return builder.Run(ctx, account, id) },
		Expire: func(ctx context.Context, account, id uuid.UUID) error {
			return exports.Expire(ctx, account, id, p.Now())
		},
		Tell: func(ctx context.Context, account, id uuid.UUID) error { return told.Tell(ctx, account, id) },
		Resume: func(ctx context.Context) error {
			resumed, err := exports.Resume(ctx, p.Now().Add(-export.Abandoned))
			if resumed > 0 {
				p.Log.Info("going on with exports whose builder was gone", zap.Int("exports", resumed))
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	box := outbox.New(name)
	deletions = postgres.NewDeletions(p.DB, box, tasks, uuid.NewV7, c.ScrubMiB*mebibyte)
	purger.Store = deletions
	exports = postgres.NewExports(p.DB, box, tasks, c.ExportKeep)
	told.Outcomes = exports
	builder = export.NewBuilder(exports, export.Options{MaxBytes: c.ExportMaxBytes, Rest: restShare, Now: p.Now})
	return &Service{lifecycle.Group(
		consume.Consumer(p.Bus, deletions),
		consume.ExportConsumer(p.Bus, exports, p.Now),
		tasks,
		box.Relay(p.DB, p.Bus, p.Log),
		p.Bus.Trimmer(event.Streams()...),
		disclosure.Telling(p.Bus, disclosed(c, keeper), p.Log),
	)}, nil
}

// disclosed is what the page /privacy says of how long things are kept.
func disclosed(c Config, keeper *age.Keeper) disclosure.Disclosure {
	d := disclosure.Disclosure{Service: name, SignalMonths: c.Ages.Months}
	kept := append(keeper.Kept(), age.Kept{What: "archives of exports", For: c.ExportKeep})
	if c.Mail.Keeps() {
		kept = append(kept, age.Kept{What: mail.Kept, For: mail.SpoolAge})
	}
	for _, k := range kept {
		d.Kept = append(d.Kept, disclosure.Kept{What: k.What, Days: disclosure.Days(k.For)})
	}
	return d
}

// post is the deletion.Post.
type post struct {
	mail.Sender
	sends bool
}

// Send implements deletion.Post. A mail that nobody can ever send is let go: it is tried again else.
func (p post) Send(ctx context.Context, m deletion.Mail) error {
	err := p.Sender.Send(ctx, mail.Message{To: m.To, Subject: m.Subject, Text: m.Text})
	if errors.Is(err, mail.ErrRecipient) {
		return nil
	}
	return err
}

// Forget implements deletion.Post: mail that is kept for the operator to pass on goes with its account.
func (p post) Forget(ctx context.Context, address string) error {
	if kept, ok := p.Sender.(*mail.Spool); ok {
		return kept.Forget(ctx, address)
	}
	return nil
}

// Sends implements deletion.Post.
func (p post) Sends() bool { return p.sends }
