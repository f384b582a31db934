package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/calendar"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
)

const refusalConsumer = "refusals"

// Refusals is the refusal.Store.
type Refusals struct{ *Store }

var _ refusal.Store = Refusals{}

// Record adds one event's refusals, account by account, in one transaction.
func (s Refusals) Record(ctx context.Context, event uuid.UUID, counts []refusal.Count, samples []refusal.Sample) error {
	countsOf, samplesOf := map[uuid.UUID][]refusal.Count{}, map[uuid.UUID][]refusal.Sample{}
	var accounts []uuid.UUID
	for _, c := range counts {
		countsOf[c.Account] = append(countsOf[c.Account], c)
		accounts = append(accounts, c.Account)
	}
	for _, sample := range samples {
		samplesOf[sample.Account] = append(samplesOf[sample.Account], sample)
		accounts = append(accounts, sample.Account)
	}
	// In one order, so that two dashboards do not wait for each other.
	slices.SortFunc(accounts, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	accounts = slices.Compact(accounts)
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		fresh, err := s.outbox.Claim(ctx, tx, refusalConsumer, event)
		if err != nil || !fresh {
			return err
		}
		for _, account := range accounts {
			if err := tenant.Enter(ctx, tx, account); err != nil {
				return err
			}
			if err := record(ctx, db.New(tx), countsOf[account], samplesOf[account]); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "recording refusals")
}

func record(ctx context.Context, q *db.Queries, counts []refusal.Count, samples []refusal.Sample) error {
	var p db.CountRefusalsParams
	for _, c := range counts {
		p.ProductIds, p.Codes, p.Minutes = append(p.ProductIds, c.Product), append(p.Codes, c.Code), append(p.Minutes, c.Minute)
		p.Ns, p.LastAts = append(p.Ns, c.N), append(p.LastAts, c.LastAt)
	}
	if len(counts) > 0 {
		if err := q.CountRefusals(ctx, p); err != nil {
			return err
		}
	}
	var sampled []uuid.UUID
	for _, sample := range samples {
		var client *uuid.UUID
		if sample.ClientID != uuid.Nil {
			client = &sample.ClientID
		}
		err := q.InsertRefusalSample(ctx, db.InsertRefusalSampleParams{
			ID: sample.ID, ProductID: sample.Product, Code: sample.Code, At: sample.At, Detail: sample.Detail, N: sample.N, Origin: sample.Origin,
			Source: sample.Source, UserAgent: sample.UserAgent, Element: sample.Element, ClientID: client,
		})
		if err != nil {
			return err
		}
		sampled = append(sampled, sample.Product)
	}
	if len(sampled) == 0 {
		return nil
	}
	return q.TrimRefusalSamples(ctx, db.TrimRefusalSamplesParams{ProductIds: sampled, Keep: refusal.SamplesKept})
}

// Facts reads what a report is made of.
func (s Refusals) Facts(ctx context.Context, accountID, productID uuid.UUID, step calendar.Step, from, to time.Time, samplesPerCode int) (refusal.Facts, error) {
	var out refusal.Facts
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		p, err := q.Product(ctx, productID)
		if err != nil {
			return found(err)
		}
		out = refusal.Facts{TimeZone: p.TimeZone}
		zone := p.TimeZone
		if step == calendar.Hour {
			zone = "UTC" // hours are kept so
		}
		series, err := q.RefusalSeries(ctx, db.RefusalSeriesParams{ProductID: productID, Step: string(step), TimeZone: zone, FromAt: from, ToAt: to})
		if err != nil {
			return err
		}
		out.Buckets = mapped(series, func(r db.RefusalSeriesRow) refusal.Bucket {
			return refusal.Bucket{At: r.At, CodeCount: refusal.CodeCount{Code: r.Code, Count: r.N, LastAt: r.LastAt}}
		})
		rows, err := q.RefusalSamples(ctx, db.RefusalSamplesParams{ProductID: productID, FromAt: from, ToAt: to, PerCode: int32(samplesPerCode)})
		if err != nil {
			return err
		}
		out.Samples = mapped(rows, toSample)
		last, err := q.LastSignalAt(ctx, productID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // nothing yet
		}
		out.LastGoodAt = &last
		return err
	})
	return out, wrap(err, "reading refusals")
}

func toSample(row db.IngestRefusalSample) refusal.Sample {
	out := refusal.Sample{
		ID: row.ID, Account: row.AccountID, Product: row.ProductID, Code: row.Code, At: row.At, Detail: row.Detail, N: row.N, Origin: row.Origin,
		Source: row.Source, UserAgent: row.UserAgent, Element: row.Element,
	}
	if row.ClientID != nil {
		out.ClientID = *row.ClientID
	}
	return out
}
