package consume

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/storable"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
)

// Refused is what refusals are handed to.
type Refused interface {
	// Record keeps what one event tells; again is harmless.
	Record(ctx context.Context, event uuid.UUID, counts []refusal.Count, samples []refusal.Sample) error
}

// Limits is told that an account's limit turned signals away.
type Limits interface {
	// Refused may be told the same again.
	Refused(ctx context.Context, account uuid.UUID, at time.Time) error
}

// overLimit is the code of signals that a monthly limit turned away.
const overLimit = "quota_exceeded"

// Refusals consumes ingest.refused, one event at a time: they all add to the same few rows.
func Refusals(b *bus.Bus, durable string, r Refused, limits Limits) lifecycle.Service {
	options := bus.ConsumerOptions{Durable: durable, Concurrency: 1}
	return bus.Consume(b, event.IngestRefused, options, func(ctx context.Context, d bus.Delivery[*eventv1.IngestRefused]) error {
		counts := make([]refusal.Count, len(d.Body.GetCounts()))
		for i, c := range d.Body.GetCounts() {
			account, product, err := owner(c.GetAccountId(), c.GetProductId())
			if err != nil {
				return fault.Permanent(err)
			}
			counts[i] = refusal.Count{
				Account: account, Product: product, Code: storable.Text(c.GetCode()), Minute: c.GetMinute().AsTime(), N: c.GetN(), LastAt: c.GetLastAt().AsTime(),
			}
		}
		samples := make([]refusal.Sample, len(d.Body.GetSamples()))
		for i, s := range d.Body.GetSamples() {
			sample, err := toSample(s)
			if err != nil {
				return fault.Permanent(err)
			}
			samples[i] = sample
		}
		if err := r.Record(ctx, d.ID, counts, samples); err != nil {
			return err
		}
		for _, c := range counts {
			if c.Code != overLimit {
				continue
			}
			if err := limits.Refused(ctx, c.Account, c.LastAt); err != nil {
				return err
			}
		}
		return nil
	})
}

func toSample(s *eventv1.RefusalSample) (refusal.Sample, error) {
	account, product, err := owner(s.GetAccountId(), s.GetProductId())
	if err != nil {
		return refusal.Sample{}, err
	}
	id, err := uuid.FromBytes(s.GetId())
	if err != nil {
		return refusal.Sample{}, fmt.Errorf("reading a sample's id: %w", err)
	}
	out := refusal.Sample{
		ID: id, Account: account, Product: product, Code: storable.Text(s.GetCode()), At: s.GetAt().AsTime(), Detail: storable.Text(s.GetDetail()), N: s.GetN(),
		Origin: storable.Text(s.GetOrigin()), Source: sourceName(s.GetSource()), UserAgent: storable.Text(s.GetUserAgent()), Element: storable.Text(s.GetElement()),
	}
	if len(s.GetClientId()) > 0 {
		if out.ClientID, err = uuid.FromBytes(s.GetClientId()); err != nil {
			return refusal.Sample{}, fmt.Errorf("reading a sample's client id: %w", err)
		}
	}
	return out, nil
}

func owner(accountID, productID []byte) (account, product uuid.UUID, err error) {
	if account, err = uuid.FromBytes(accountID); err != nil {
		return account, product, fmt.Errorf("reading the account of a refusal: %w", err)
	}
	if product, err = uuid.FromBytes(productID); err != nil {
		return account, product, fmt.Errorf("reading the product of a refusal: %w", err)
	}
	return account, product, nil
}

func sourceName(s eventv1.Source) string {
	switch s {
	case eventv1.Source_SOURCE_SCRIPT:
		return "script"
	case eventv1.Source_SOURCE_SDK:
		return "sdk"
	case eventv1.Source_SOURCE_WEBHOOK:
		return "webhook"
	case eventv1.Source_SOURCE_REST:
		return "rest"
	default:
		return ""
	}
}
