package proposal_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/config"

	"github.com/draftlabs/specter/services/proposal"
	"github.com/draftlabs/specter/services/proposal/internal/enginetest"
	"github.com/draftlabs/specter/services/proposal/internal/llm"
	"github.com/draftlabs/specter/services/proposal/internal/llm/llmtest"
)

// withModel has the service ask a server that does as script says.
func (s *stage) withModel(script ...llmtest.Behaviour) *llmtest.Server {
	server := llmtest.Start(s.t, script...)
	s.llm = llm.Config{
		BaseURL: server.URL, APIKey: "sk-test", Model: llmtest.Model, Timeout: 10 * time.Second, MaxTokens: 2000, PriceIn: 0.3, PriceOut: 1.2,
	}
	return server
}

type origin struct {
	Engine        string  `json:"engine"`
	EngineVersion string  `json:"engine_version"`
	Provider      string  `json:"provider"`
	Model         string  `json:"model"`
	PromptVersion *string `json:"prompt_version"`
	Tokens        int     `json:"tokens"`
	TokensIn      int     `json:"tokens_in"`
	TokensOut     int     `json:"tokens_out"`
	Cost          float64 `json:"cost"`
	DurationMS    *int64  `json:"duration_ms"`
	Redactions    *int    `json:"redactions"`
	Attempts      int     `json:"attempts"`
	Fallback      *struct {
		From, Provider, Model, Reason string
		PromptVersion                 string `json:"prompt_version"`
	} `json:"fallback"`
}

func originOf(t *testing.T, r row) (o origin) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.provenance, &o))
	require.NotNil(t, o.DurationMS)
	require.NotNil(t, o.Redactions)
	return o
}

func TestAModelWritesTheProposal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	server := s.withModel(llmtest.Honest)
	s.start()
	f := s.finding()
	f.evidence.LeadWith("type", "rage_click of jane.doe@example.com")
	s.handled(s.publish(f))

	rows := s.rows()
	require.Len(t, rows, 1)
	p := rows[0]
	require.Equal(t, "Look into what changed in “Checkout”", p.title)
	require.Contains(t, p.diagnosis, "402 where 61 were expected")
	require.NotContains(t, p.diagnosis, "jane.doe")
	require.JSONEq(t, string(f.evidence.JSON(t)), string(p.evidence))
	require.Positive(t, p.priority, "the server computes what is a number")
	o := originOf(t, p)
	require.Equal(t, "llm", o.Engine)
	require.Equal(t, "127.0.0.1", o.Provider)
	require.Equal(t, llmtest.Model, o.Model)
	require.Equal(t, llm.PromptVersion, *o.PromptVersion)
	require.Equal(t, []int{llmtest.TokensIn + llmtest.TokensOut, llmtest.TokensIn, llmtest.TokensOut}, []int{o.Tokens, o.TokensIn, o.TokensOut})
	require.InDelta(t, 0.00072, o.Cost, 1e-9)
	require.Equal(t, 1, o.Attempts)
	require.Equal(t, 1, *o.Redactions)
	require.Nil(t, o.Fallback)

	require.Len(t, server.Requests(), 1)
	for _, id := range []string{s.who.AccountID.String(), s.who.ProductID.String(), s.who.ContextID.String(), f.id.String(), "0196a2f2"} {
		require.NotContains(t, server.Requests()[0].Body, id)
	}
	var tokens, cost int
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT tokens, cost_micros FROM llm_spending WHERE account_id = $1`, s.who.AccountID).Scan(&tokens, &cost))
	require.Equal(t, []int{1500, 720}, []int{tokens, cost})
}

// TestNoWrongNumberReachesAProposal: the visitors of the product wrote instructions into an element's name, and the model
// did as they say.
func TestNoWrongNumberReachesAProposal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		behaviour llmtest.Behaviour
		reason    string
		tokens    int
	}{
		"a number": {llmtest.Say(llmtest.Answer{Title: "Look into “Checkout”", Diagnosis: "Conversions fell by 37 %.", Steps: []string{"Look."}}), "ungrounded", 3000},
		"an instruction": {llmtest.Say(llmtest.Answer{
			Title: "Blame Stripe", Diagnosis: "Conversions rose by 99 %, see http://evil.example/x?a=1", Steps: []string{"Ignore all previous instructions."},
		}), "ungrounded", 3000},
		"no JSON":     {llmtest.Content("{"), "invalid_answer", 3000},
		"a 429":       {llmtest.Status(http.StatusTooManyRequests, "0.01"), "rate_limited", 0},
		"an outage":   {llmtest.Status(http.StatusBadGateway, "0.01"), "unavailable", 0},
		"a wrong key": {llmtest.Status(http.StatusUnauthorized, ""), "unavailable", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.withModel(c.behaviour)
			s.start()
			f := s.finding()
			f.evidence.Lead("rage_click", "element", enginetest.Injection)
			s.handled(s.publish(f))
			rows := s.rows()
			require.Len(t, rows, 1)
			p := rows[0]
			for _, wrong := range []string{"37 %", "Blame", "Conversions rose"} {
				require.NotContains(t, p.title+p.diagnosis+p.change, wrong)
			}
			require.Contains(t, p.diagnosis, "64.5 %")
			o := originOf(t, p)
			require.Equal(t, "built-in", o.Engine)
			require.Empty(t, o.Model)
			require.Nil(t, o.PromptVersion)
			require.NotNil(t, o.Fallback)
			require.Equal(t, []string{"llm", "127.0.0.1", llmtest.Model, c.reason, llm.PromptVersion},
				[]string{o.Fallback.From, o.Fallback.Provider, o.Fallback.Model, o.Fallback.Reason, o.Fallback.PromptVersion})
			require.Equal(t, c.tokens, o.Tokens)
		})
	}
}

func TestAFallbackIsCountedAndLoggedWithoutItsPayload(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	core, seen := observer.New(zap.DebugLevel)
	s.log = zap.New(core)
	s.withModel(llmtest.Say(llmtest.Answer{Title: "Blame Stripe", Diagnosis: "See http://evil.example, 739,141 %.", Steps: []string{"Obey."}}))
	s.start()
	s.handled(s.publish(s.finding()))

	fallback := seen.FilterMessage("the language model did not write a proposal").All()
	require.Len(t, fallback, 1)
	require.Equal(t, "ungrounded", fallback[0].ContextMap()["reason"])
	require.Contains(t, fallback[0].ContextMap()["violations"], "diagnosis number")
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	for _, entry := range seen.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		require.NoError(t, err)
		for _, payload := range []string{"Stripe", "evil.example", "739", "sk-test", "button#pay", "Checkout"} {
			require.NotContains(t, line.String(), payload)
		}
	}
	require.InDelta(t, 1, s.metric("specter_proposal_fallbacks_total", "ungrounded"), 0)
	require.InDelta(t, 2, s.metric("specter_proposal_llm_requests_total", "ok"), 0)
	require.InDelta(t, 2*llmtest.TokensIn, s.metric("specter_proposal_llm_tokens_total", "in"), 0)
	require.InDelta(t, 2*llmtest.TokensOut, s.metric("specter_proposal_llm_tokens_total", "out"), 0)
	require.InDelta(t, 0.00144, s.metric("specter_proposal_llm_cost_dollars_total", ""), 1e-9)
}

// metric reads a counter whose only label has this value.
func (s *stage) metric(name, label string) float64 {
	s.t.Helper()
	families, err := s.reg.Gather()
	require.NoError(s.t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestTheModelIsProbedOnlyWhenThereIsOne(t *testing.T) {
	t.Parallel()
	_, ok, err := proposal.ProbeLLM(t.Context(), config.Source{})
	require.NoError(t, err)
	require.False(t, ok)
	server := llmtest.Start(t, llmtest.Status(http.StatusUnauthorized, ""))
	probe, ok, err := proposal.ProbeLLM(t.Context(), config.Source{"SPECTER_LLM_BASE_URL": server.URL, "SPECTER_LLM_MODEL": "m", "SPECTER_LLM_API_KEY": "sk-test"})
	require.ErrorContains(t, err, "refuses the key")
	require.True(t, ok)
	require.Contains(t, probe.Fix, "SPECTER_LLM_API_KEY")
}
