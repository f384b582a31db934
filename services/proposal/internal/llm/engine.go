package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/telemetry"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const (
	// version of the way a model is asked; the prompt has one of its own.
	version = "1"
	// maxTries of one draft's exchange: the first and three more.
	maxTries = 4
	// firstWait before the second try, doubled each time, with jitter of half of it to all of it.
	firstWait, longestWait = 500 * time.Millisecond, 10 * time.Second
	// settleTimeout is for the database, after the deadline of the model may have passed.
	settleTimeout = 5 * time.Second
	// perMessage is what a chat's template adds to a message, in tokens, generously.
	perMessage = 16
)

// Engine implements proposal.Engine.
type Engine struct {
	c       Config
	host    string
	client  *client
	budget  proposal.Budget
	breaker *breaker
	now     func() time.Time
	log     *zap.Logger
	dialect atomic.Int32
	metrics metrics
}

// Deps are what an Engine borrows.
type Deps struct {
	Budget  proposal.Budget
	Now     func() time.Time
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// New returns an engine that asks the configured endpoint; nothing is sent before the first draft.
func New(c Config, d Deps) (*Engine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	root, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return &Engine{
		c: c, host: root.Hostname(), client: newClient(root, c.APIKey), budget: d.Budget, breaker: &breaker{now: d.Now}, now: d.Now,
		log: d.Log, metrics: newMetrics(d.Metrics),
	}, nil
}

// Author implements proposal.Engine.
func (e *Engine) Author() proposal.Author {
	return proposal.Author{Engine: "llm", Version: version, Provider: e.host, Model: e.c.Model, PromptVersion: PromptVersion}
}

// Draft implements proposal.Engine.
func (e *Engine) Draft(ctx context.Context, b proposal.Brief) (proposal.Draft, error) {
	draft, err := e.draft(ctx, b)
	e.metrics.drafted(draft.Usage, err)
	return draft, err
}

func (e *Engine) draft(ctx context.Context, b proposal.Brief) (proposal.Draft, error) {
	all, err := messages(b)
	if err != nil {
		return proposal.Draft{}, err
	}
	if !e.breaker.enter() {
		return proposal.Draft{}, &proposal.Failure{Reason: proposal.CircuitOpen}
	}
	content, usage, err := e.complete(ctx, b.AccountID, all)
	e.breaker.leave(verdict(err))
	if err != nil {
		return proposal.Draft{Usage: usage}, err
	}
	draft, err := read(content)
	draft.Usage = usage
	if err != nil {
		return proposal.Draft{Usage: usage}, invalid(err)
	}
	return draft, nil
}

// verdict on the endpoint: what a model says badly does not tell against its server.
func verdict(err error) result {
	var f *proposal.Failure
	switch {
	case err == nil:
		return worked
	case !errors.As(err, &f), f.Reason == proposal.OverBudget, errors.Is(f.Err, context.Canceled):
		return unknown
	case f.Reason == proposal.InvalidAnswer:
		return worked
	default:
		return broke
	}
}

func invalid(err error) *proposal.Failure {
	return &proposal.Failure{Reason: proposal.InvalidAnswer, Err: err, Violations: []proposal.Violation{{Kind: proposal.WrongForm, Text: err.Error()}}}
}

// complete gets an answer, within ctx's deadline and the account's budget.
func (e *Engine) complete(ctx context.Context, account uuid.UUID, all []message) (content string, spent proposal.Usage, err error) {
	dialect := int(e.dialect.Load())
	for try := 1; ; {
		content, used, f, err := e.once(ctx, account, all, dialect)
		spent.TokensIn, spent.TokensOut, spent.Cost = spent.TokensIn+used.TokensIn, spent.TokensOut+used.TokensOut, spent.Cost+used.Cost
		switch {
		case err != nil:
			return "", spent, err
		case f == nil:
			e.dialect.Store(int32(dialect))
			return content, spent, nil
		case f.reason == proposal.InvalidAnswer:
			return "", spent, invalid(f.err)
		}
		var refused *unsupported
		if errors.As(f.err, &refused) {
			if next, ok := plainer(dialect, refused); ok {
				dialect = next
				continue
			}
		}
		wait := f.retryAfter
		if wait == 0 {
			wait = backoff(try)
		}
		if try++; !f.again || try > maxTries || !pause(ctx, wait) {
			return "", spent, &proposal.Failure{Reason: f.reason, Err: f.err}
		}
	}
}

// pause waits unless the deadline comes first: then there is no use in waiting for it.
func pause(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func backoff(try int) time.Duration {
	wait := min(firstWait<<(try-1), longestWait)
	return wait/2 + rand.N(wait/2)
}

// once makes one exchange inside a reservation. Not knowing what was used, it charges what was reserved.
func (e *Engine) once(ctx context.Context, account uuid.UUID, all []message, dialect int) (content string, used proposal.Usage, f *fault, err error) {
	body, err := json.Marshal(e.request(all, dialect))
	if err != nil {
		return "", used, nil, fmt.Errorf("encoding the request: %w", err)
	}
	most := e.priced(proposal.Usage{TokensIn: mostTokens(all), TokensOut: e.c.MaxTokens})
	r := proposal.Reservation{AccountID: account, Day: e.now(), Amount: amount(most)}
	ok, err := e.budget.Reserve(ctx, r, proposal.Amount{Tokens: e.c.DailyTokens, CostMicros: micros(e.c.DailyCost)})
	switch {
	case err != nil && ctx.Err() != nil:
		return "", used, &fault{reason: proposal.TimedOut, err: ctx.Err()}, nil
	case err != nil:
		return "", used, nil, err
	case !ok:
		return "", used, nil, &proposal.Failure{Reason: proposal.OverBudget}
	}
	reply, f := e.client.exchange(ctx, body)
	switch {
	case reply.usage != nil:
		used = e.priced(*reply.usage)
	case reply.billed:
		used = most
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := e.budget.Settle(settling, r, amount(used)); err != nil {
		e.log.Warn("a reservation counts in full, because it could not be settled", zap.Error(err)) // the answer is good all the same
	}
	return reply.content, used, f, nil
}

// mostTokens bounds the tokens of a text by its bytes: tokenizers join bytes and never split them.
func mostTokens(all []message) int {
	n := 0
	for _, m := range all {
		n += len(m.Content) + perMessage
	}
	return n
}

// priced adds the cost. Dollars for a million tokens are millionths of a dollar for one.
func (e *Engine) priced(u proposal.Usage) proposal.Usage {
	u.Cost = (float64(u.TokensIn)*e.c.PriceIn + float64(u.TokensOut)*e.c.PriceOut) / 1e6
	return u
}

func amount(u proposal.Usage) proposal.Amount {
	return proposal.Amount{Tokens: int64(u.TokensIn) + int64(u.TokensOut), CostMicros: micros(u.Cost)}
}

// micros are rounded up, so that no call is free that is not.
func micros(dollars float64) int64 { return int64(math.Ceil(dollars*1e6 - 1e-6)) }

// A dialect is how much of the protocol a server understands: a response format, and the name of the limit.
const (
	formatSchema = iota
	formatObject
	formatNone
	formats
	newerLimit = formats // added to a format: max_completion_tokens instead of max_tokens
)

// plainer is the dialect to try after a request was not taken.
func plainer(dialect int, refused *unsupported) (int, bool) {
	if refused.maxTokens && dialect < newerLimit {
		return dialect + newerLimit, true
	}
	if dialect%formats == formatNone {
		return dialect, false
	}
	return dialect + 1, true
}

func (e *Engine) request(all []message, dialect int) completion {
	c := completion{Model: e.c.Model, Messages: all}
	if dialect < newerLimit {
		c.MaxTokens = e.c.MaxTokens
	} else {
		c.MaxCompletionTokens = e.c.MaxTokens
	}
	switch dialect % formats {
	case formatSchema:
		c.ResponseFormat = &responseFormat{Type: "json_schema", Schema: &jsonSchema{Name: "proposal", Strict: true, Schema: answerSchema}}
	case formatObject:
		c.ResponseFormat = &responseFormat{Type: "json_object"}
	}
	return c
}

type metrics struct {
	requests, tokens *prometheus.CounterVec
	cost             prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	return metrics{
		requests: telemetry.MustRegister(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_proposal_llm_requests_total", Help: "Drafts asked of the language model, by outcome.",
		}, []string{"outcome"})),
		tokens: telemetry.MustRegister(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_proposal_llm_tokens_total", Help: "Tokens charged, by direction.",
		}, []string{"direction"})),
		cost: telemetry.MustRegister(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "specter_proposal_llm_cost_dollars_total", Help: "US dollars charged by the configured prices.",
		})),
	}
}

func (m metrics) drafted(u proposal.Usage, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
		var f *proposal.Failure
		if errors.As(err, &f) {
			outcome = string(f.Reason)
		}
	}
	m.requests.WithLabelValues(outcome).Inc()
	m.tokens.WithLabelValues("in").Add(float64(u.TokensIn))
	m.tokens.WithLabelValues("out").Add(float64(u.TokensOut))
	m.cost.Add(u.Cost)
}
