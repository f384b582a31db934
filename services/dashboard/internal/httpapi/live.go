package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/pkg/webhook"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
)

// StreamWebhookEvents answers GET /api/v1/webhook-events/stream. An event's id is its place in the
// broker's stream: Last-Event-ID goes on from there, for as long as the stream keeps events.
func (a *api) StreamWebhookEvents(ctx context.Context, r contract.StreamWebhookEventsRequestObject) (contract.StreamWebhookEventsResponseObject, error) {
	f := &follower{api: a, ctx: ctx}
	var err error
	if last := value(r.Params.LastEventID); last != "" {
		if f.after, err = strconv.ParseUint(last, 10, 63); err != nil {
			return nil, invalidParameter("last_event_id", "Last-Event-ID is not one of this stream.")
		}
	} else if f.after, err = a.Live.Last(ctx); err != nil { // before the answer begins: what comes after it is shown
		return nil, err
	}
	for name := range strings.SplitSeq(value(r.Params.Events), ",") {
		if name = strings.TrimSpace(name); name == "" || name == endpoint.AllEvents {
			continue
		}
		if !webhook.IsName(name) {
			return nil, invalidParameter("events", "There is no event of that name.")
		}
		f.names = append(f.names, name)
	}
	f.leave, err = a.tails.enter(who(ctx).Account)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// follower is one reader of an account's events.
type follower struct {
	api   *api
	ctx   context.Context //nolint:containedctx // of the request that the stream is the answer to
	names []string
	after uint64
	leave func()
}

// VisitStreamWebhookEventsResponse writes events until the reader leaves, their credential ends, the
// server stops or the stream's life is over.
func (f *follower) VisitStreamWebhookEventsResponse(w http.ResponseWriter) error {
	defer f.leave()
	out, err := beginStream(w)
	if err != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(f.ctx, tailLife)
	defer stop()
	told, ended := make(chan endpoint.Told), make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- f.api.Live.Follow(ctx, who(f.ctx).Account, f.names, f.after, func(e endpoint.Told) error {
			select {
			case told <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	defer func() {
		stop()
		for range ended {
			continue // until it is closed: the goroutine does not outlive its answer
		}
	}()
	beat, ask := time.NewTicker(heartbeat), time.NewTicker(admitEvery)
	defer beat.Stop()
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-httpx.Draining(f.ctx):
			return nil
		case err := <-ended:
			return err
		case <-beat.C:
			err = out.beat()
		case <-ask.C:
			err = admitted(f.ctx)
		case e := <-told:
			err = f.send(out, e)
		}
		switch {
		case errors.Is(err, errReaderLeft), fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.Forbidden), f.ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

func (f *follower) send(out *eventStream, e endpoint.Told) error {
	// A token that was revoked a moment ago shows nothing more.
	if err := admitted(f.ctx); err != nil {
		return err
	}
	data, err := json.Marshal(struct {
		ID   uuid.UUID       `json:"id"`
		Body json.RawMessage `json:"body"`
	}{e.ID, e.Body})
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	return out.send(strconv.FormatUint(e.Sequence, 10), "webhook", data)
}
