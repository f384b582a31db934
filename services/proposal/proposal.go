package proposal

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/disclosure"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/pkg/timer"

	"github.com/draftlabs/specter/services/proposal/internal/builtin"
	"github.com/draftlabs/specter/services/proposal/internal/consume"
	"github.com/draftlabs/specter/services/proposal/internal/llm"
	"github.com/draftlabs/specter/services/proposal/internal/postgres"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
	"github.com/draftlabs/specter/services/proposal/internal/timers"
)

// name is the service's in tables, roles, consumers and logs.
const name = "proposal"

// Module describes the proposal service to its host.
func Module() svcmain.Module { return svcmain.Define(name, true, load, New) }

// Service is the proposal service at work.
type Service struct{ run lifecycle.Service }

// New wires the service; nothing runs before Run.
func New(c Config, p svcmain.Platform) (*Service, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	box := outbox.New(name)
	// Two clients of the same timers: the store sets them, and the workers that expire proposals need the store.
	setting, err := timer.New(timer.Options{Service: name, DB: p.DB, Log: p.Log})
	if err != nil {
		return nil, fmt.Errorf("preparing to set timers: %w", err)
	}
	store := postgres.NewStore(p.DB, box, timers.NewScheduler(setting.Client(), p.Now), uuid.NewV7)
	writer, err := newWriter(c, p)
	if err != nil {
		return nil, err
	}
	domain := proposal.NewService(store, writer, proposal.Options{
		ExpireAfter: c.ExpireAfter, Now: p.Now, NewID: uuid.NewV7,
	})
	working, err := timer.New(timer.Options{Service: name, DB: p.DB, Log: p.Log, Workers: timers.NewWorkers(domain, p.Log, p.Metrics)})
	if err != nil {
		return nil, fmt.Errorf("preparing to work timers: %w", err)
	}
	return &Service{run: lifecycle.Group(
		box.Relay(p.DB, p.Bus, p.Log),
		working,
		consume.Findings(p.Bus, name, domain, p.Log, p.Metrics),
		disclosure.Telling(p.Bus, disclosed(c), p.Log),
	)}, nil
}

// disclosed is what the page /privacy says of a language model.
func disclosed(c Config) disclosure.Disclosure {
	d := disclosure.Disclosure{Service: name}
	if c.LLM.Enabled() {
		d.Recipients = []disclosure.Recipient{{
			Name: "A language model (" + c.LLM.Model + ")", Host: c.LLM.Host(), Purpose: "writes the texts of proposals",
			Receives: "counts and shares of a finding, with the names of signal types, pages and elements, cleaned of what could name a person; no single signal",
		}}
	}
	return d
}

// newWriter lets the configured language model write, if there is one, and the built-in engine whatever it does not.
func newWriter(c Config, p svcmain.Platform) (*proposal.Writer, error) {
	if !c.LLM.Enabled() {
		return proposal.NewWriter(builtin.Engine{}, proposal.WriterOptions{}), nil
	}
	engine, err := llm.New(c.LLM, llm.Deps{Budget: postgres.NewBudget(p.DB), Now: p.Now, Log: p.Log, Metrics: p.Metrics})
	if err != nil {
		return nil, err
	}
	fallbacks := telemetry.MustRegister(p.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "specter_proposal_fallbacks_total", Help: "Proposals the built-in engine wrote because the language model did not, by reason.",
	}, []string{"reason"}))
	return proposal.NewWriter(builtin.Engine{}, proposal.WriterOptions{
		Preferred: engine, Timeout: c.LLM.Timeout,
		OnFallback: func(f *proposal.Failure) {
			fallbacks.WithLabelValues(string(f.Reason)).Inc()
			p.Log.Warn("the language model did not write a proposal", zap.String("reason", string(f.Reason)), zap.NamedError("cause", f.Err), zap.Strings("violations", kindsOf(f)))
		},
	}), nil
}

// kindsOf what was wrong; the texts themselves stay out of the log.
func kindsOf(f *proposal.Failure) []string {
	var kinds []string
	for _, v := range f.Violations {
		if kind := v.String(); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// Probe is what a look at the configured language model found.
type Probe struct {
	Detail string // one line
	Fix    string // what to do, with an error
}

// ProbeLLM looks whether the language model of the settings can be reached, which costs nothing. ok is false when none is
// configured.
func ProbeLLM(ctx context.Context, src config.Source) (p Probe, ok bool, err error) {
	c, err := load(src)
	if err != nil || !c.LLM.Enabled() {
		return Probe{}, false, err
	}
	p.Detail, p.Fix, err = llm.Probe(ctx, c.LLM)
	return p, true, err
}

// Run consumes, expires and relays until ctx is done.
func (s *Service) Run(ctx context.Context, ready func()) error { return s.run.Run(ctx, ready) }

// Handler is nil: the service serves no HTTP of its own.
func (s *Service) Handler() http.Handler { return nil }
