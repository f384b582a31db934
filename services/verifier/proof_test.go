package verifier_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/pcf"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// window is where the days since the deployment begin, in the product's zone.
func (w *world) window() time.Time {
	w.t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(w.t, err)
	year, month, day := w.deployedAt.In(berlin).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, berlin)
}

// scale multiplies what came of each type in days [from, to) of the window; 0 removes it.
func (w *world) scale(from, to int, purchases, errors float64) {
	w.t.Helper()
	start := w.window()
	w.exec(`UPDATE rollup_hourly SET n = round(n * CASE type WHEN 'purchase' THEN $3::float8 ELSE $4::float8 END) WHERE hour >= $1 AND hour < $2`,
		start.AddDate(0, 0, from), start.AddDate(0, 0, to), purchases, errors)
	w.exec(`DELETE FROM rollup_hourly WHERE n = 0`)
}

// refuse counts signals of every hour in days [from, to) of the window as refused.
func (w *world) refuse(from, to int) {
	w.t.Helper()
	start := w.window()
	w.exec(`INSERT INTO ingest_refusals (account_id, product_id, hour, code, n, last_at)
		SELECT $1, $2, hour, 'quota_exceeded', 40, hour FROM generate_series($3::timestamptz, $4::timestamptz - interval '1 hour', interval '1 hour') AS hour`,
		w.tenant.AccountID, w.tenant.ProductID, start.AddDate(0, 0, from), start.AddDate(0, 0, to))
}

// ship adds another deployment of the product.
func (w *world) ship(at time.Time) {
	w.t.Helper()
	other, proposal := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO proposals SELECT (p).* FROM (SELECT jsonb_populate_record(p, jsonb_build_object('id', $1::uuid, 'finding_id', $1::uuid)) AS p FROM proposals p) x`, proposal)
	w.deploy(other, proposal, at)
}

// saturday is how long ago the last Saturday noon was that lies at least three weeks back.
func saturday() time.Duration {
	now := time.Now().UTC()
	back := (int(now.Weekday()) - int(time.Saturday) + 7) % 7
	noon := time.Date(now.Year(), now.Month(), now.Day()-back-21, 12, 0, 0, 0, time.UTC)
	return now.Sub(noon)
}

// Each of these looks like an improvement to somebody.
func TestWhatNobodyShouldBelieveEndsInconclusiveWithItsWarning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		ago     time.Duration
		prepare func(w *world)
		code    string // of the reason; "" for any
		warning string
	}{
		{"zero traffic", 20 * days, func(w *world) { w.scale(0, 16, 0, 0) }, "zero_traffic", "missing_days"},
		{"tracking stopped", 20 * days, func(w *world) { w.scale(0, 2, 1.2, .5); w.scale(2, 16, 0, 0) }, "instrumentation_broken", "missing_days"},
		{"a deployment at the weekend", saturday(), func(w *world) { w.scale(0, 1, 1.3, .6) }, "", "weekend"},
		{"two overlapping deployments", 20 * days, func(w *world) { w.scale(0, 20, 1.2, .4); w.ship(w.deployedAt.AddDate(0, 0, 3)) }, "another_deployment", "another_deployment"},
		{"signals refused for the limit", 20 * days, func(w *world) { w.scale(0, 2, 1.2, .5); w.scale(2, 16, 1, .1); w.refuse(2, 16) }, "signals_refused", "signals_refused"},
		{"a holiday spike", 20 * days, func(w *world) { w.scale(3, 6, 8, 2) }, "", "special_days"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.ago)
			w.signals(60, 20, 1)
			c.prepare(w)
			w.reportDeployed(uuid.Must(uuid.NewV7()))
			v := w.verdict()
			require.Equal(t, "inconclusive", v.body.GetOutcome(), v.body.GetReason())
			require.Equal(t, "deployment.inconclusive", v.name)
			_, looks, result := w.state()
			require.Equal(t, []int32{1, 2, 3, 5, 7, 10, 14}, looks)
			require.Contains(t, result["warning_codes"], c.warning)
			if c.code != "" {
				require.Equal(t, c.code, result["reason_code"])
			}
			require.NotEmpty(t, v.body.GetWarnings())
		})
	}
}

// Bad days led to the finding, and then it was as it always had been.
func TestAReturnToNormalIsNotProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*days)
	w.signals(60, 20, 1)
	// The finding began twelve days before the deployment and was detected two days later; the trouble went on to the end.
	w.exec(`UPDATE findings SET started_at = $1, detected_at = $2`, w.deployedAt.AddDate(0, 0, -3), w.deployedAt.AddDate(0, 0, -1))
	w.scale(-4, -1, .8, 2)
	w.reportDeployed(uuid.Must(uuid.NewV7()))
	v := w.verdict()
	require.NotEqual(t, "improved", v.body.GetOutcome(), v.body.GetReason())
}

func TestEveryLookCanBeComputedAgainFromWhatIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*days)
	w.signals(60, 20, .4)
	w.exec(`INSERT INTO rollup_dimension_hourly (account_id, product_id, context_id, dimension, type, value, hour, n)
		SELECT account_id, product_id, context_id, 'browser', type, CASE WHEN n % 3 = 0 THEN 'Safari' ELSE 'Firefox' END, hour, n FROM rollup_hourly`)
	w.reportDeployed(uuid.Must(uuid.NewV7()))
	require.Equal(t, "improved", w.verdict().body.GetOutcome())

	var plan verification.Plan
	require.NoError(t, w.owner.QueryRow(t.Context(), `SELECT plan FROM verifications`).Scan(&plan))
	require.Equal(t, "The positive ratio", plan.Described)
	require.Equal(t, pcf.Method, plan.Method)
	rows, err := w.owner.Query(t.Context(), `SELECT look_day, inputs, result, result_sha256 FROM verification_looks ORDER BY look_day`)
	require.NoError(t, err)
	looks := 0
	for rows.Next() {
		var day int
		var inputs verification.Inputs
		var stored, digest []byte
		require.NoError(t, rows.Scan(&day, &inputs, &stored, &digest))
		result, _, err := verification.Judge(plan, plan.Looks[looks], inputs)
		require.NoError(t, err)
		require.Equal(t, plan.Looks[looks].Day, day)
		again, err := json.Marshal(result)
		require.NoError(t, err)
		sum := sha256.Sum256(again)
		require.Equal(t, digest, sum[:], "the same bytes")
		require.JSONEq(t, string(stored), string(again))
		require.Equal(t, "browser", result.Mix.Dimension)
		looks++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 5, looks)
}

func TestNobodyChangesWhatIsRegisteredOrDecided(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*days)
	w.signals(60, 20, .4)
	w.reportDeployed(uuid.Must(uuid.NewV7()))
	require.Equal(t, "improved", w.verdict().body.GetOutcome())

	for _, sql := range []string{
		`UPDATE verifications SET plan = '{}'`,
		`UPDATE verifications SET deployed_at = now()`,
		`UPDATE verifications SET status = 'regressed'`,
		`UPDATE verifications SET status = 'collecting', decided_at = NULL`,
		`UPDATE verification_looks SET result = '{}'`,
	} {
		_, err := w.owner.Exec(t.Context(), sql)
		require.Equal(t, "23001", code(err), "as the owner: %s: %v", sql, err)
	}
	for sql, want := range map[string]string{
		`UPDATE verifications SET plan = '{}'`:            "42501",
		`UPDATE verifications SET status = 'regressed'`:   "23001",
		`UPDATE verification_plans SET plan = '{}'`:       "42501",
		`UPDATE verification_looks SET result = '{}'`:     "42501",
		`DELETE FROM verifications`:                       "42501",
		`DELETE FROM verification_looks`:                  "42501",
		`DELETE FROM verification_plans`:                  "42501",
		`UPDATE deployments SET deployed_at = now()`:      "42501",
		`UPDATE contexts SET positive_types = '{signup}'`: "42501",
	} {
		err := tenant.Tx(t.Context(), w.service, w.tenant.AccountID, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), sql)
			return err
		})
		require.Equal(t, want, code(err), "as the verifier: %s: %v", sql, err)
	}
}

// code is Postgres's SQLSTATE of an error.
func code(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

func TestAnEditedTimeIsTestedByALaterPlanAndTheFirstIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5*days) // three looks of the first plan, and then it waits for the fourth
	w.signals(60, 20, .4)
	w.reportDeployed(uuid.Must(uuid.NewV7()))
	testkit.Eventually(t, func() bool { _, looks, _ := w.state(); return len(looks) == 3 }, "three looks are taken")

	w.deployedAt = w.deployedAt.AddDate(0, 0, -15)
	w.exec(`UPDATE deployments SET deployed_at = $1`, w.deployedAt)
	w.reportEdited(uuid.Must(uuid.NewV7()))
	v := w.verdict()
	require.EqualValues(t, 14, v.body.GetLookDay(), v.body.GetReason())
	require.NotEqual(t, "improved", v.body.GetOutcome(), "it became better two weeks after the time that is said now")

	var revision, first, later int
	var because string
	var plans bool
	require.NoError(t, w.owner.QueryRow(t.Context(), `SELECT p.revision, p.because, p.plan ->> 'deployed_at' <> v.plan ->> 'deployed_at',
			(SELECT count(*) FROM verification_looks l WHERE l.revision = 1), (SELECT count(*) FROM verification_looks l WHERE l.revision = 2)
		FROM verifications v JOIN verification_plans p ON p.verification_id = v.id`).Scan(&revision, &because, &plans, &first, &later))
	require.Equal(t, 2, revision)
	require.True(t, plans)
	require.Contains(t, because, "after 3 looks")
	require.Equal(t, 3, first)
	require.Equal(t, 7, later)
	_, _, result := w.state()
	require.Contains(t, result["warning_codes"], "plan_revised")

	// The verdict stands, whatever time is said afterwards.
	w.exec(`UPDATE deployments SET deployed_at = deployed_at - interval '1 day'`)
	third := uuid.Must(uuid.NewV7())
	w.reportEdited(third)
	testkit.Eventually(t, func() bool { return w.claimed(third) }, "the third report is processed")
	require.NoError(t, w.owner.QueryRow(t.Context(), `SELECT count(*) FROM verification_plans`).Scan(&later))
	require.Equal(t, 1, later)
	require.Empty(t, w.verdicts)
}

// Three instances, twenty reports of the same deployment at once: one test, seven looks at most, one verdict.
func TestHoweverManyInstancesAndReportsThereIsOneVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*days)
	run(t, lifecycle.Group(w.verifier(), w.verifier()))
	w.signals(60, 20, .4)
	reports := make([]uuid.UUID, 20)
	var all sync.WaitGroup
	for i := range reports {
		reports[i] = uuid.Must(uuid.NewV7())
		all.Go(func() { w.reportDeployed(reports[i]) })
	}
	all.Wait()
	require.Equal(t, "improved", w.verdict().body.GetOutcome())
	for _, report := range reports {
		testkit.Eventually(t, func() bool { return w.claimed(report) }, "every report is processed")
	}
	var tests, looks, told int
	require.NoError(t, w.owner.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM verifications), (SELECT count(*) FROM verification_looks)`).Scan(&tests, &looks))
	require.Equal(t, 1, tests)
	require.Equal(t, 5, looks)
	for len(w.verdicts) > 0 {
		<-w.verdicts
		told++
	}
	require.Zero(t, told, "nothing was told twice")
}
