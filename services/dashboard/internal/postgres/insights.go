package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/calendar"
	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// findingsMatter is how long an unresolved finding marks its context as getting worse.
const findingsMatter = 30 * 24 * time.Hour

// Insights is the insight.Reader.
type Insights struct{ *Store }

var _ insight.Reader = Insights{}

// Context reads a context with what its health is made of.
func (s Insights) Context(ctx context.Context, accountID, id uuid.UUID, now time.Time) (insight.ContextFacts, error) {
	var out insight.ContextFacts
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.ContextByID(ctx, id)
		if err != nil {
			return found(err)
		}
		facts, err := contextFacts(ctx, q, []db.Context{row}, row.ProductID, now)
		if err != nil {
			return err
		}
		out = facts[0]
		return nil
	})
	return out, wrap(err, "reading the context")
}

// Contexts reads a product's contexts, oldest first, with what their health is made of.
func (s Insights) Contexts(ctx context.Context, accountID, productID uuid.UUID, now time.Time, r page.Request) (page.Of[insight.ContextFacts], error) {
	var out page.Of[insight.ContextFacts]
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListContexts(ctx, db.ListContextsParams{ProductID: productID, AfterAt: r.After.At, AfterID: r.After.ID, RowLimit: r.Fetch()})
		if err != nil {
			return err
		}
		cut := page.Cut(rows, r, func(c db.Context) page.Cursor { return page.AtID(c.CreatedAt, c.ID) })
		out.Next = cut.Next
		out.Items, err = contextFacts(ctx, q, cut.Items, productID, now)
		return err
	})
	return out, wrap(err, "listing contexts")
}

// contextFacts reads the facts of many contexts of one product in a fixed number of queries.
func contextFacts(ctx context.Context, q *db.Queries, rows []db.Context, productID uuid.UUID, now time.Time) ([]insight.ContextFacts, error) {
	p, err := q.Product(ctx, productID)
	if err != nil {
		return nil, found(err)
	}
	out := make([]insight.ContextFacts, len(rows))
	ids := make([]uuid.UUID, len(rows))
	at := map[uuid.UUID]*insight.ContextFacts{}
	for i, row := range rows {
		out[i] = insight.ContextFacts{Context: toContext(row), TimeZone: p.TimeZone}
		ids[i], at[row.ID] = row.ID, &out[i]
	}
	const window = 16 * 24 * time.Hour // 14 days of any time zone
	daily, err := q.DailyCounts(ctx, db.DailyCountsParams{TimeZone: p.TimeZone, ContextIds: ids, FromAt: now.Add(-window), ToAt: now.Add(time.Hour)})
	if err != nil {
		return nil, err
	}
	missed, err := refused(ctx, q, productID, calendar.Day, p.TimeZone, now.Add(-window), now.Add(time.Hour))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Refused = missed
	}
	for _, d := range daily {
		f := at[d.ContextID]
		f.Daily = append(f.Daily, insight.Count{Type: d.Type, At: d.At, N: d.N})
	}
	recent, err := q.RecentCounts(ctx, db.RecentCountsParams{ContextIds: ids, FromAt: now.Add(-24 * time.Hour).Truncate(time.Hour), ToAt: now.Add(time.Hour)})
	if err != nil {
		return nil, err
	}
	for _, n := range recent {
		at[n.ContextID].Signals24h = n.N
	}
	newest, err := q.LastSignals(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, n := range newest {
		lastAt := n.LastAt
		at[n.ContextID].LastSignalAt = &lastAt
	}
	open, err := q.OpenProposalsByContext(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, n := range open {
		at[n.ContextID].OpenProposals = int(n.N)
	}
	findings, err := q.OpenFindingsByContext(ctx, db.OpenFindingsByContextParams{ContextIds: ids, Since: now.Add(-findingsMatter)})
	if err != nil {
		return nil, err
	}
	for _, n := range findings {
		at[n.ContextID].OpenFindings = int(n.N)
	}
	last, err := q.LastAnalyses(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, row := range last {
		a := toAnalysis(row)
		at[row.ContextID].LastAnalysis = &a
	}
	waiting, err := q.WaitingAnalyses(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, row := range waiting {
		due := row.DueAt
		at[row.ContextID].NextAnalysis = &due
	}
	return out, nil
}

// Counts reads a context's counts by type and step, with the context and its product's time zone.
func (s Insights) Counts(ctx context.Context, accountID, contextID uuid.UUID, step calendar.Step, from, to time.Time) (insight.Counts, error) {
	var out insight.Counts
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.ContextByID(ctx, contextID)
		if err != nil {
			return found(err)
		}
		p, err := q.Product(ctx, row.ProductID)
		if err != nil {
			return found(err)
		}
		out = insight.Counts{Context: toContext(row), TimeZone: p.TimeZone}
		if step == calendar.Hour {
			from = from.Truncate(time.Hour)
			if out.Refused, err = refused(ctx, q, row.ProductID, step, "UTC", from, to); err != nil { // hours are kept so
				return err
			}
			rows, err := q.HourlyCounts(ctx, db.HourlyCountsParams{ContextID: contextID, FromAt: from, ToAt: to})
			out.Counts = mapped(rows, func(r db.HourlyCountsRow) insight.Count { return insight.Count{Type: r.Type, At: r.At, N: r.N} })
			return err
		}
		from = from.Add(-25 * time.Hour) // The first day is counted whole: its midnight is at most a day before.
		if out.Refused, err = refused(ctx, q, row.ProductID, step, p.TimeZone, from, to); err != nil {
			return err
		}
		rows, err := q.DailyCounts(ctx, db.DailyCountsParams{TimeZone: p.TimeZone, ContextIds: []uuid.UUID{contextID}, FromAt: from, ToAt: to})
		out.Counts = mapped(rows, func(r db.DailyCountsRow) insight.Count { return insight.Count{Type: r.Type, At: r.At, N: r.N} })
		return err
	})
	return out, wrap(err, "reading the context's counts")
}

// refused reads what of a product was refused though nothing was wrong with it.
func refused(ctx context.Context, q *db.Queries, productID uuid.UUID, step calendar.Step, zone string, from, to time.Time) ([]insight.Refused, error) {
	rows, err := q.MissedSeries(ctx, db.MissedSeriesParams{ProductID: productID, Step: string(step), TimeZone: zone, FromAt: from, ToAt: to})
	return mapped(rows, func(r db.MissedSeriesRow) insight.Refused { return insight.Refused{Code: r.Code, At: r.At, N: r.N} }), err
}

// SignalTypes counts a product's types since a moment.
func (s Insights) SignalTypes(ctx context.Context, accountID, productID uuid.UUID, from time.Time) ([]insight.TypeCount, error) {
	var out []insight.TypeCount
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		rows, err := q.SignalTypes(ctx, db.SignalTypesParams{ProductID: productID, FromAt: from})
		out = mapped(rows, func(r db.SignalTypesRow) insight.TypeCount {
			return insight.TypeCount{Type: r.Type, Count: r.N, LastAt: r.LastAt}
		})
		return err
	})
	return out, wrap(err, "listing signal types")
}

// Analyses lists the looks at a context.
func (s Insights) Analyses(ctx context.Context, accountID, contextID uuid.UUID, r page.Request) (page.Of[insight.Analysis], error) {
	var out []insight.Analysis
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.ContextByID(ctx, contextID); err != nil {
			return found(err)
		}
		rows, err := q.ListAnalyses(ctx, db.ListAnalysesParams{ContextID: contextID, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, toAnalysis)
		return err
	})
	return page.Cut(out, r, func(a insight.Analysis) page.Cursor { return page.AtID(a.FinishedAt, a.ID) }), wrap(err, "listing analyses")
}

func toAnalysis(row db.Analysis) insight.Analysis {
	return insight.Analysis{
		ID: row.ID, ContextID: row.ContextID, Trigger: row.Trigger, From: row.FromAt, AsOf: row.AsOf, Outcome: row.Outcome, Reason: row.Reason,
		FindingCount: int(row.FindingCount), Signals24h: row.Signals24h, DryRun: row.DryRun, Detail: row.Detail, FinishedAt: row.FinishedAt,
	}
}

// Analysis reads one look at a context.
func (s Insights) Analysis(ctx context.Context, accountID, id uuid.UUID) (insight.Analysis, error) {
	var out insight.Analysis
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Analysis(ctx, id)
		out = toAnalysis(row)
		return found(err)
	})
	return out, wrap(err, "reading the analysis")
}

// Finding reads one finding.
func (s Insights) Finding(ctx context.Context, accountID, id uuid.UUID) (insight.Finding, error) {
	var out insight.Finding
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Finding(ctx, id)
		out = toFinding(row)
		return found(err)
	})
	return out, wrap(err, "reading the finding")
}

// Findings lists a product's findings.
func (s Insights) Findings(ctx context.Context, accountID, productID uuid.UUID, r page.Request) (page.Of[insight.Finding], error) {
	var out []insight.Finding
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		rows, err := q.ListFindings(ctx, db.ListFindingsParams{ProductID: productID, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, func(row db.ListFindingsRow) insight.Finding { return toFinding(db.FindingRow(row)) })
		return err
	})
	return page.Cut(out, r, func(f insight.Finding) page.Cursor { return page.AtID(f.DetectedAt, f.ID) }), wrap(err, "listing findings")
}

func toFinding(row db.FindingRow) insight.Finding {
	f := insight.Finding{
		ID: row.ID, ProductID: row.ProductID, ContextID: row.ContextID, Family: row.Family, Severity: row.Severity, StartedAt: row.StartedAt,
		StartedLow: row.StartedLow, StartedHigh: row.StartedHigh, DetectedAt: row.DetectedAt, ResolvedAt: row.ResolvedAt, Evidence: row.Evidence,
		ProposalID: row.ProposalID, DeploymentID: row.DeploymentID,
	}
	if row.SkipRule != nil && row.ProposalID == nil {
		f.NotProposed = &insight.NotProposed{
			Rule: *row.SkipRule, RejectedProposalID: *row.RejectedProposalID, Title: text(row.RejectedTitle), ReasonCode: text(row.SkipReason),
			RejectedAt: *row.RejectedAt, Until: *row.SkippedUntil,
		}
	}
	return f
}

// RequestAnalysis asks the analyzer for a look.
func (s Insights) RequestAnalysis(ctx context.Context, a actor.Actor, analysis, contextID uuid.UUID, w insight.Wanted, at time.Time, allow func(used, limit int64) error) error {
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		c, err := q.ContextByID(ctx, contextID)
		if err != nil {
			return found(err)
		}
		limit, err := q.AnalysisLimit(ctx, a.Account)
		if err != nil {
			return err
		}
		used, err := q.AnalysesOfDay(ctx, at)
		if err != nil {
			return err
		}
		if err := allow(used, int64(limit)); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "analysis.requested", subject: "context", id: contextID, detail: map[string]any{"analysis_id": analysis, "dry_run": w.DryRun}}); err != nil {
			return err
		}
		body := &eventv1.AnalysisRequested{AnalysisId: analysis.String(), ProductId: c.ProductID.String(), ContextId: contextID.String(), RequestedBy: a.Name, DryRun: w.DryRun}
		if w.AsOf != nil {
			body.AsOf = timestamppb.New(*w.AsOf)
		}
		return emit(ctx, tx, s.Store, event.AnalysisRequested, a, at, body)
	})
	return wrap(err, "asking for an analysis")
}
