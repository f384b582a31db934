package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/allowance"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres/db"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// sampleBlocks bounds how many raw blocks one finding reads for its examples.
const sampleBlocks = 4

// Analyses keeps runs and findings. It implements analysis.Store.
type Analyses struct {
	db     *pgxpool.Pool
	outbox outbox.Outbox
	now    func() time.Time

	lookAgain LookAgain
}

// LookAgain has a context analysed at a moment unless it gets signals after last.
type LookAgain func(ctx context.Context, tx pgx.Tx, area signal.Area, at, last time.Time) error

// NewAnalyses returns a store; db is borrowed.
func NewAnalyses(pool *pgxpool.Pool, box outbox.Outbox, now func() time.Time, again LookAgain) *Analyses {
	return &Analyses{db: pool, outbox: box, now: now, lookAgain: again}
}

// lockWait is how long an analysis waits for another of the same context. A walk over years of
// history takes longer, and who waited for it would hold up the contexts of others: the analysis
// fails, and is made later.
const lockWait = "3s"

// InContext runs fn in one transaction of the account, alone for the context.
func (a *Analyses) InContext(ctx context.Context, account, contextID uuid.UUID, fn func(analysis.Work) error) error {
	return tenant.Tx(ctx, a.db, account, func(tx pgx.Tx) error {
		w := &work{account: account, tx: tx, q: db.New(tx), outbox: a.outbox, now: a.now, lookAgain: a.lookAgain}
		if err := w.lock(ctx, contextID); err != nil {
			return err
		}
		row, err := w.q.ContextByID(ctx, contextID)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return analysis.ErrNoContext
		case err != nil:
			return fmt.Errorf("reading the context: %w", err)
		}
		w.watched = int(row.Watched)
		w.home = signal.Context{
			ID: row.ID, ProductID: row.ProductID, Name: row.Name, Version: int(row.Version), Default: row.IsDefault,
			PositiveTypes: row.PositiveTypes, NegativeTypes: row.NegativeTypes, PayloadKeys: row.PayloadKeys, Funnel: row.Funnel,
		}
		return fn(w)
	})
}

// Refuse records an analysis that was asked for and not made.
func (a *Analyses) Refuse(ctx context.Context, r analysis.Request, reason string) error {
	err := a.InContext(ctx, r.AccountID, r.ContextID, func(w analysis.Work) error {
		now := a.now()
		asOf := r.AsOf
		if asOf.IsZero() {
			asOf = now
		}
		return w.Record(ctx, analysis.Analysis{
			ID: r.ID, Context: w.Context(), Trigger: r.Trigger, RequestedBy: r.RequestedBy, From: asOf, AsOf: asOf, Outcome: allowance.LimitReached,
			Reason: reason, DryRun: r.DryRun, StartedAt: now, FinishedAt: now,
		})
	})
	if errors.Is(err, analysis.ErrNoContext) {
		return nil
	}
	return err
}

// ContextsWithHours lists the contexts of a product with signals in [from, to].
func (a *Analyses) ContextsWithHours(ctx context.Context, account, product uuid.UUID, from, to time.Time) ([]uuid.UUID, error) {
	var list []uuid.UUID
	err := tenant.Tx(ctx, a.db, account, func(tx pgx.Tx) error {
		var err error
		list, err = db.New(tx).ContextsWithHours(ctx, db.ContextsWithHoursParams{
			AccountID: account, ProductID: product, FromAt: from.UTC().Truncate(time.Hour), ToAt: to,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the contexts of an import: %w", err)
	}
	return list, nil
}

// work is one open context.
type work struct {
	account uuid.UUID
	tx      pgx.Tx
	q       *db.Queries
	outbox  outbox.Outbox
	now     func() time.Time
	home    signal.Context
	watched int

	lookAgain LookAgain
}

func (w *work) lock(ctx context.Context, contextID uuid.UUID) error {
	if _, err := w.tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, lockWait); err != nil {
		return fmt.Errorf("limiting the wait for the context: %w", err)
	}
	if err := w.q.LockContext(ctx, contextID); err != nil {
		return fmt.Errorf("locking the context: %w", err)
	}
	if _, err := w.tx.Exec(ctx, `SET LOCAL lock_timeout TO DEFAULT`); err != nil {
		return fmt.Errorf("waiting for all else as ever: %w", err)
	}
	return nil
}

func (w *work) Context() signal.Context { return w.home }
func (w *work) Watched() int            { return w.watched }

func (w *work) Totals(ctx context.Context, window, baseline analysis.Window, types []string) ([]analysis.TypeTotal, []analysis.ValueTotal, error) {
	hours := make([]int32, len(baseline.HoursOfDay))
	for i, h := range baseline.HoursOfDay {
		hours[i] = int32(h)
	}
	kinds, err := w.q.TypeTotals(ctx, db.TypeTotalsParams{
		AccountID: w.account, ContextID: w.home.ID, WindowFrom: window.From, WindowTo: window.To,
		BaselineFrom: baseline.From, BaselineTo: baseline.To, HoursOfDay: hours, AllTypes: types == nil, Types: types,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the types: %w", err)
	}
	values, err := w.q.ValueTotals(ctx, db.ValueTotalsParams{
		AccountID: w.account, ContextID: w.home.ID, WindowFrom: window.From, WindowTo: window.To,
		BaselineFrom: baseline.From, BaselineTo: baseline.To, HoursOfDay: hours, AllTypes: types == nil, Types: types,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the dimensions: %w", err)
	}
	byType := make([]analysis.TypeTotal, len(kinds))
	for i, t := range kinds {
		byType[i] = analysis.TypeTotal{Type: t.Type, Window: t.InWindow, Baseline: t.InBaseline}
	}
	byValue := make([]analysis.ValueTotal, len(values))
	for i, v := range values {
		byValue[i] = analysis.ValueTotal{
			Dimension: v.Dimension, Value: v.Value,
			TypeTotal: analysis.TypeTotal{Type: v.Type, Window: v.InWindow, Baseline: v.InBaseline},
		}
	}
	return byType, byValue, nil
}

func (w *work) Raw(ctx context.Context, from, to time.Time, types []string) ([]analysis.RawSignal, error) {
	if len(types) == 0 {
		return nil, nil
	}
	rows, err := w.q.RawSignals(ctx, db.RawSignalsParams{
		AccountID: w.account, ContextID: w.home.ID, FromAt: from, ToAt: to, Types: types, Blocks: sampleBlocks,
	})
	if err != nil {
		return nil, fmt.Errorf("reading raw signals: %w", err)
	}
	out := make([]analysis.RawSignal, len(rows))
	for i, r := range rows {
		out[i] = analysis.RawSignal{ID: r.ID, Type: r.Type, Payload: []byte(r.Payload), At: r.OccurredAt}
	}
	return out, nil
}

func (w *work) Around(ctx context.Context, from, to time.Time) ([]analysis.Known, error) {
	rows, err := w.q.FindingsAround(ctx, db.FindingsAroundParams{AccountID: w.account, ContextID: w.home.ID, FromAt: from, ToAt: to})
	if err != nil {
		return nil, fmt.Errorf("looking for the incident's finding: %w", err)
	}
	out := make([]analysis.Known, len(rows))
	for i, r := range rows {
		if out[i], err = known(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *work) Unresolved(ctx context.Context, asOf time.Time) ([]analysis.Known, error) {
	rows, err := w.q.UnresolvedFindings(ctx, db.UnresolvedFindingsParams{AccountID: w.account, ContextID: w.home.ID, AsOf: asOf})
	if err != nil {
		return nil, fmt.Errorf("looking for open findings: %w", err)
	}
	out := make([]analysis.Known, len(rows))
	for i, r := range rows {
		if out[i], err = known(db.FindingsAroundRow(r)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func known(r db.FindingsAroundRow) (analysis.Known, error) {
	k := analysis.Known{
		ID: r.ID, Family: r.Family, Fingerprint: r.Fingerprint, StartedAt: r.StartedAt, StartedLow: r.StartedLow, DetectedAt: r.DetectedAt,
		ResolvedAt: r.ResolvedAt, AsOf: r.AsOf, Severity: r.Severity,
	}
	if err := json.Unmarshal(r.Lead, &k.Lead); err != nil {
		return analysis.Known{}, fmt.Errorf("decoding what explains a finding: %w", err)
	}
	return k, nil
}

func (w *work) Elsewhere(ctx context.Context, from, to time.Time) (int64, bool, error) {
	row, err := w.q.Elsewhere(ctx, db.ElsewhereParams{AccountID: w.account, ProductID: w.home.ProductID, ContextID: w.home.ID, FromAt: from, ToAt: to})
	if err != nil {
		return 0, false, fmt.Errorf("looking at the product's other contexts: %w", err)
	}
	return row.Signals, row.Silence, nil
}

func (w *work) DeployedAt(ctx context.Context, deployment uuid.UUID) (time.Time, error) {
	at, err := w.q.DeployedAt(ctx, deployment)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && at == nil {
		return time.Time{}, fault.Newf(fault.NotFound, "not_found", "deployment %s is not deployed", deployment)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the deployment: %w", err)
	}
	return *at, nil
}

func (w *work) Record(ctx context.Context, a analysis.Analysis) error {
	detail, err := json.Marshal(a.Detail)
	if err != nil {
		return fmt.Errorf("encoding the analysis: %w", err)
	}
	rows, err := w.q.InsertAnalysis(ctx, db.InsertAnalysisParams{
		ID: a.ID, AccountID: w.account, ProductID: a.Context.ProductID, ContextID: a.Context.ID, Trigger: string(a.Trigger), RequestedBy: a.RequestedBy,
		FromAt: a.From, AsOf: a.AsOf, Outcome: string(a.Outcome), Reason: a.Reason, FindingCount: int32(a.FindingCount),
		Signals24h: a.Signals24h, Detail: detail, StartedAt: a.StartedAt, FinishedAt: a.FinishedAt, DryRun: a.DryRun,
	})
	if err != nil {
		return fmt.Errorf("recording the analysis: %w", err)
	}
	if rows == 0 {
		return nil
	}
	return outbox.Put(ctx, w.tx, w.outbox, event.AnalysisCompleted, bus.Message[*eventv1.AnalysisCompleted]{
		ID: newID(), AccountID: w.account, Time: w.now(),
		Body: &eventv1.AnalysisCompleted{
			AnalysisId: a.ID.String(), ProductId: a.Context.ProductID.String(), ContextId: a.Context.ID.String(), AsOf: timestamppb.New(a.AsOf),
			Outcome: string(a.Outcome), FindingCount: uint32(a.FindingCount), Reason: a.Reason, DryRun: a.DryRun,
		},
	})
}

func (w *work) Open(ctx context.Context, f analysis.Finding) (bool, error) {
	evidence, err := json.Marshal(f.Evidence)
	if err != nil {
		return false, fmt.Errorf("encoding the evidence: %w", err)
	}
	rows, err := w.q.InsertFinding(ctx, db.InsertFindingParams{
		ID: f.ID, AccountID: w.account, ProductID: f.Context.ProductID, ContextID: f.Context.ID, AnalysisID: optional(f.AnalysisID),
		Family: f.Family, Fingerprint: f.Fingerprint, Severity: f.Severity, StartedAt: f.StartedAt, StartedLow: f.StartedLow, StartedHigh: f.StartedHigh,
		DetectedAt: f.DetectedAt, Evidence: evidence, DeploymentID: optional(f.DeploymentID), CreatedAt: w.now(),
	})
	if err != nil {
		return false, fmt.Errorf("opening the finding: %w", err)
	}
	if rows == 0 {
		return false, nil
	}
	body := &eventv1.FindingOpened{
		FindingId: f.ID.String(), ProductId: f.Context.ProductID.String(), ContextId: f.Context.ID.String(), Family: f.Family, Fingerprint: f.Fingerprint,
		StartedAt: timestamppb.New(f.StartedAt), DetectedAt: timestamppb.New(f.DetectedAt), Severity: f.Severity, EvidenceJson: evidence,
	}
	if f.AnalysisID != uuid.Nil {
		body.AnalysisId = f.AnalysisID.String()
	}
	if f.DeploymentID != uuid.Nil {
		body.DeploymentId = f.DeploymentID.String()
	}
	err = outbox.Put(ctx, w.tx, w.outbox, event.FindingOpened, bus.Message[*eventv1.FindingOpened]{ID: newID(), AccountID: w.account, Time: w.now(), Body: body})
	return err == nil, err
}

func (w *work) Renew(ctx context.Context, id uuid.UUID, f analysis.Finding, tell bool) error {
	evidence, err := json.Marshal(f.Evidence)
	if err != nil {
		return fmt.Errorf("encoding the evidence: %w", err)
	}
	err = w.q.RenewFinding(ctx, db.RenewFindingParams{
		ID: id, Family: f.Family, Severity: f.Severity, StartedAt: f.StartedAt, StartedLow: f.StartedLow, StartedHigh: f.StartedHigh, Evidence: evidence,
	})
	if err != nil {
		return fmt.Errorf("renewing the finding: %w", err)
	}
	if !tell {
		return nil
	}
	return outbox.Put(ctx, w.tx, w.outbox, event.FindingRenewed, bus.Message[*eventv1.FindingRenewed]{
		ID: newID(), AccountID: w.account, Time: w.now(),
		Body: &eventv1.FindingRenewed{
			FindingId: id.String(), AnalysisId: f.AnalysisID.String(), ProductId: f.Context.ProductID.String(), ContextId: f.Context.ID.String(),
			Family: f.Family, Fingerprint: f.Fingerprint, StartedAt: timestamppb.New(f.StartedAt), DetectedAt: timestamppb.New(f.DetectedAt),
			Severity: f.Severity, EvidenceJson: evidence, AsOf: timestamppb.New(f.Evidence.AsOf),
		},
	})
}

func (w *work) LookAgain(ctx context.Context, at, last time.Time) error {
	return w.lookAgain(ctx, w.tx, signal.Area{AccountID: w.account, ContextID: w.home.ID}, at, last)
}

func optional(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func (w *work) Resolve(ctx context.Context, finding uuid.UUID, at *time.Time) error {
	if err := w.q.ResolveFinding(ctx, db.ResolveFindingParams{ID: finding, ResolvedAt: at}); err != nil {
		return fmt.Errorf("resolving the finding: %w", err)
	}
	return nil
}
