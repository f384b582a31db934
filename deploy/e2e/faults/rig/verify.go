package rig

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	provingAccounts = 3
	// shippedAgo is longer than a test takes: every look is due.
	shippedAgo = 20 * 24 * time.Hour
)

// Proving is an installation that verifies deployments: a broker, a database, a verifier, and as many products with a
// past and one deployment each.
type Proving struct {
	Verifier    *Service
	Deployments []Shipped

	database *parts.Database
	bus      *bus.Bus

	mu       sync.Mutex
	verdicts map[string][]uuid.UUID // event ids by deployment, one for each message
}

// Shipped is a deployment that waits for its test.
type Shipped struct{ Account, Product, Context, Proposal, ID uuid.UUID }

// NewProving starts everything with so many deployments and returns when reports are taken.
func NewProving(t testing.TB, deployments int) *Proving {
	t.Helper()
	broker := parts.StartBroker(t, parts.BrokerOptions{})
	p := &Proving{database: parts.StartMigratedDatabase(t), verdicts: map[string][]uuid.UUID{}}
	p.ship(t, deployments)
	p.Verifier = newService(t, "verifier", "SPECTER_DATABASE_URL="+p.database.URL(), "SPECTER_NATS_URL="+broker.URL())
	p.Verifier.Start(t)

	var err error
	p.bus, err = bus.Connect(t.Context(), bus.Options{URL: broker.URL(), Name: "faults"})
	require.NoError(t, err)
	p.listen(t)
	return p
}

// ship makes the products with their past: two types of signals a quarter of a day for sixty days, of which fewer are bad
// in every third product since its deployment, and more in every other third.
func (p *Proving) ship(t testing.TB, deployments int) {
	t.Helper()
	conn := p.connect(t)
	defer func() { _ = conn.Close(t.Context()) }()
	exec := func(sql string, args ...any) {
		_, err := conn.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	at := time.Now().Add(-shippedAgo).UTC().Truncate(24 * time.Hour)
	exec(`SELECT specter_ensure_partitions(now() - interval '4 months', now())`)
	var accounts []uuid.UUID
	for n := range provingAccounts {
		account := uuid.Must(uuid.NewV7())
		exec(`INSERT INTO accounts (id, owner_user_id, email) VALUES ($1, $2, $3)`, account, uuid.New(), fmt.Sprintf("prover%d@example.com", n))
		accounts = append(accounts, account)
	}
	for n := range deployments {
		d := Shipped{Account: accounts[n%provingAccounts], Product: uuid.Must(uuid.NewV7()), Context: uuid.Must(uuid.NewV7()), Proposal: uuid.Must(uuid.NewV7()), ID: uuid.Must(uuid.NewV7())}
		exec(`INSERT INTO products (id, account_id, name) VALUES ($1, $2, 'Shop')`, d.Product, d.Account)
		exec(`INSERT INTO contexts (id, account_id, product_id, name, positive_types, negative_types, is_default) VALUES ($1, $2, $3, 'Checkout', '{purchase}', '{js_error}', true)`, d.Context, d.Account, d.Product)
		exec(`INSERT INTO proposals (id, account_id, product_id, context_id, finding_id, family, fingerprint, title, diagnosis, suggested_change, evidence, predicted_impact, confidence, priority, provenance, content_hash, evidence_at)
			VALUES ($1, $2, $3, $4, $1, 'ratio_worsening', 'f', 't', 'd', 's', '{}', '{}', .5, 1, '{}', 'h', now())`, d.Proposal, d.Account, d.Product, d.Context)
		exec(`INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, created_at, deployed_at) VALUES ($1, $2, $3, $4, $5, 'deployed', now(), $6)`,
			d.ID, d.Account, d.Product, d.Context, d.Proposal, at)
		exec(`INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n)
			SELECT $1, $2, $3, kind.type, hour, greatest(1, round(kind.n * (.9 + .2 * abs(hashint8(i * 7 + $6 + length(kind.type))::float8 / 2147483648)) * CASE WHEN kind.type = 'js_error' AND hour >= $4 THEN $5::float8 ELSE 1 END))::bigint
			FROM generate_series(0, 60 * 4 + 19 * 4) i, LATERAL (SELECT $4::timestamptz + (i - 60 * 4) * interval '6 hours') h (hour), (VALUES ('purchase', 120), ('js_error', 40)) kind (type, n)
			WHERE hour <= now()`, d.Account, d.Product, d.Context, at, []float64{1, .4, 2.5}[n%3], n*1000)
		p.Deployments = append(p.Deployments, d)
	}
}

// Report says that a deployment shipped, in a new event, and returns when the broker has it.
func (p *Proving) Report(t testing.TB, d Shipped) {
	t.Helper()
	_, err := bus.Publish(t.Context(), p.bus, event.DeploymentDeployed, bus.Message[*eventv1.DeploymentDeployed]{
		ID: uuid.Must(uuid.NewV7()), AccountID: d.Account, Time: time.Now(), Body: &eventv1.DeploymentDeployed{
			DeploymentId: d.ID.String(), ProposalId: d.Proposal.String(), ProductId: d.Product.String(), ContextId: d.Context.String(),
			DeployedAt: timestamppb.New(time.Now().Add(-shippedAgo)),
		},
	})
	require.NoError(t, err)
}

// listen writes down every message with a verdict.
func (p *Proving) listen(t testing.TB) {
	t.Helper()
	service := lifecycle.Group(
		listening(p, event.DeploymentVerified, (*eventv1.DeploymentVerified).GetVerdict),
		listening(p, event.DeploymentRegressed, (*eventv1.DeploymentRegressed).GetVerdict),
		listening(p, event.DeploymentInconclusive, (*eventv1.DeploymentInconclusive).GetVerdict),
	)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, p.bus.Close(context.Background()))
	})
}

func listening[M proto.Message](p *Proving, kind event.Type[M], of func(M) *eventv1.Verdict) lifecycle.Service {
	return bus.Consume(p.bus, kind, bus.ConsumerOptions{Durable: "faults"}, func(_ context.Context, d bus.Delivery[M]) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		deployment := of(d.Body).GetDeploymentId()
		p.verdicts[deployment] = append(p.verdicts[deployment], d.ID)
		return nil
	})
}

// Told is how many deployments have a verdict that was told.
func (p *Proving) Told() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.verdicts)
}

// Looks is how many looks are stored.
func (p *Proving) Looks(t testing.TB) (n int) {
	t.Helper()
	p.query(t, `SELECT count(*) FROM verification_looks`, &n)
	return n
}

// Rescue has what a killed verifier had in hand be taken for left behind at once, instead of after two minutes.
func (p *Proving) Rescue(t testing.TB) {
	t.Helper()
	conn := p.connect(t)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err := conn.Exec(t.Context(), `UPDATE river_verifier.river_job SET state = 'available', finalized_at = NULL WHERE state = 'running'`)
	require.NoError(t, err)
}

// Account compares the deployments with the verdicts that are stored and that were told: lost are those without either,
// doubled those with more than one, or whose looks are not each of the plan's up to the one that decided.
func (p *Proving) Account(t testing.TB) (lost, doubled int) {
	t.Helper()
	conn := p.connect(t)
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), `SELECT v.deployment_id::text, v.decided_at IS NOT NULL AND v.status <> 'stopped' AND v.result ->> 'outcome' = v.status,
			array(SELECT look_day FROM verification_looks l WHERE l.verification_id = v.id ORDER BY look_day),
			(SELECT result FROM verification_looks l WHERE l.verification_id = v.id ORDER BY look_day DESC LIMIT 1) = v.result,
			(SELECT count(*) FROM verification_looks l WHERE l.verification_id = v.id AND l.result ? 'outcome')
		FROM verifications v`)
	require.NoError(t, err)
	defer rows.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	stored := map[string]int{}
	for rows.Next() {
		var id string
		var decided, newest bool
		var days []int
		var verdicts int
		require.NoError(t, rows.Scan(&id, &decided, &days, &newest, &verdicts))
		if !decided {
			continue
		}
		stored[id]++
		planned := []int{1, 2, 3, 5, 7, 10, 14}
		if !newest || verdicts != 1 || len(days) > len(planned) || !slices.Equal(days, planned[:len(days)]) {
			doubled++
		}
	}
	require.NoError(t, rows.Err())
	for _, d := range p.Deployments {
		told := p.verdicts[d.ID.String()]
		if stored[d.ID.String()] == 0 || len(told) == 0 {
			lost++
		}
		if stored[d.ID.String()] > 1 || len(told) > 1 {
			doubled++
		}
	}
	return lost, doubled
}

// Outcomes counts the stored verdicts by their word.
func (p *Proving) Outcomes(t testing.TB) (improved, regressed, others int) {
	t.Helper()
	p.query(t, `SELECT count(*) FILTER (WHERE status = 'improved'), count(*) FILTER (WHERE status = 'regressed'), count(*) FILTER (WHERE status IN ('no_effect', 'inconclusive')) FROM verifications`, &improved, &regressed, &others)
	return improved, regressed, others
}

func (p *Proving) query(t testing.TB, sql string, into ...any) {
	t.Helper()
	conn := p.connect(t)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(into...))
}

func (p *Proving) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.database.URL())
	require.NoError(t, err)
	return conn
}
