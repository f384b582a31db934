package gateway

import (
	"context"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/gateway/internal/batch"
	"github.com/draftlabs/specter/services/gateway/internal/httpapi"
	"github.com/draftlabs/specter/services/gateway/internal/ingest"
	"github.com/draftlabs/specter/services/gateway/internal/keyuse"
	"github.com/draftlabs/specter/services/gateway/internal/publish"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
	"github.com/draftlabs/specter/services/gateway/internal/refusal"
	"github.com/draftlabs/specter/services/gateway/internal/script"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

const name = "gateway"

// Module describes the gateway to its host.
func Module() svcmain.Module { return svcmain.Define(name, false, load, New).WithHeapFloor(heapFloor) }

// Service is the gateway at work.
type Service struct {
	handler   http.Handler
	publisher publish.Publisher
	parts     lifecycle.Service
	syncs     bool // somebody has said that the broker does before it acknowledges
	log       *zap.Logger
}

var _ svcmain.Service = (*Service)(nil)

// New returns a gateway that works while Run does.
func New(c Config, p svcmain.Platform) (*Service, error) {
	scripts, err := script.Load(c.IngestPath)
	if err != nil {
		return nil, fmt.Errorf("making the gateway: %w", err)
	}
	watcher := catalog.NewWatcher(p.Bus, p.Log, p.Now)
	publisher := publish.New(p.Bus, p.Now, signal.NewID)
	limits := c.batch()
	limits.MaxBytes = min(limits.MaxBytes, p.Bus.MaxMessageBytes())
	batcher := batch.New(limits, publisher, p.Log, p.Metrics)
	// One level more than is accepted: the lenient path may wrap what it was sent.
	scrubber := scrub.New(scrub.Options{MaxDepth: c.MaxDepth + 1})
	meter := quota.New(p.Bus, p.Log, p.Metrics, p.Now)
	recorder := refusal.New(p.Bus, scrubber, p.Log, p.Metrics, p.Now)
	uses := keyuse.New(p.Bus, p.Log, p.Metrics, p.Now)
	service := ingest.New(
		ingest.Options{
			Limits: c.limits(), RatePerSecond: c.RatePerSecond, Now: p.Now, NewID: signal.NewID, Encode: publish.Encode, Metrics: p.Metrics,
		},
		watcher,
		scrubber,
		batcher, meter, told{recorder}, uses,
	)
	handler, err := httpapi.New(httpapi.Options{
		BodyBytes: c.MaxBodyBytes, MemoryBytes: c.MemoryBytes, HTTPS: c.https(), Metrics: p.Metrics, Paths: c.paths(),
	}, service, scripts, p.Log)
	if err != nil {
		return nil, fmt.Errorf("making the gateway: %w", err)
	}
	return &Service{
		handler: handler, publisher: publisher, parts: lifecycle.Group(watcher, meter, recorder, uses, batcher), syncs: c.SyncAlways, log: p.Log,
	}, nil
}

// Handler serves the ingest API and the script tag. It answers properly while Run is ready.
func (s *Service) Handler() http.Handler { return s.handler }

// Run makes sure that the stream keeps what it acknowledges, then works until ctx ends and stores
// what it had accepted.
func (s *Service) Run(ctx context.Context, ready func()) error {
	if err := s.publisher.CheckDurable(ctx); err != nil {
		return fmt.Errorf("running the gateway: %w", err)
	}
	if !s.syncs {
		s.log.Warn("nobody has said that the broker syncs every message before it acknowledges it (SPECTER_NATS_SYNC_ALWAYS); if it does not, a power cut loses acknowledged signals")
	}
	return s.parts.Run(ctx, ready)
}

// told passes refusals on to the recorder that tells the dashboard of them.
type told struct{ recorder *refusal.Recorder }

func (t told) Record(r ingest.Refusal) {
	t.recorder.Record(refusal.Refusal{
		AccountID: r.AccountID, ProductID: r.ProductID, Code: r.Code, Detail: r.Detail, N: r.N, Element: r.Element, ClientID: r.ClientID,
		Origin: r.Caller.Origin, UserAgent: r.Caller.UserAgent, Source: publish.Source(r.Caller.Source), At: r.At,
	})
}
