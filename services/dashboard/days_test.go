package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// Where summer time begins at midnight there is a day without 00:00, whose first moment is 01:00.
func TestEveryDayCountsWhereADayHasNoMidnight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, first := range map[string]string{ // the first day of summer time
		"Africa/Cairo":     "2026-04-24",
		"Asia/Beirut":      "2026-03-29",
		"America/Santiago": "2026-09-06",
		"America/Havana":   "2026-03-08",
		"Europe/Berlin":    "2026-03-29", // where it begins at 02:00
	} {
		t.Log(name)
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		day, err := time.Parse(time.DateOnly, first)
		require.NoError(t, err)
		noon := func(days int) time.Time { return time.Date(day.Year(), day.Month(), day.Day()+days, 12, 0, 0, 0, zone) }
		// Half an hour into a day: seven days before it is the eighth day, by the hours that passed.
		now := time.Date(day.Year(), day.Month(), day.Day()+3, 0, 30, 0, 0, zone)
		w.clock.Advance(now.Sub(w.clock.Now()))
		tenant := testkit.SeedTenant(t, w.db, testkit.Seed{TokenScopes: allScopes(), TimeZone: name})
		w.insert("specter_analyzer", tenant.AccountID, `SELECT specter_ensure_partitions($1, $2)`, noon(-31), noon(3))
		for d := -30; d < 3; d++ {
			w.insert("specter_dashboard", tenant.AccountID, `INSERT INTO ingest_refusals (account_id, product_id, hour, code, n, last_at) VALUES ($1, $2, date_trunc('hour', $3::timestamptz, 'UTC'), 'missing_type', 1, $3)`,
				tenant.AccountID, tenant.ProductID, noon(d))
			w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n) VALUES ($1, $2, $3, 'purchase', date_trunc('hour', $4::timestamptz, 'UTC'), 1)`,
				tenant.AccountID, tenant.ProductID, tenant.ContextID, noon(d))
		}
		c := w.withToken(tenant.Token)
		// each requires one of every day but today, which has had no noon, and tells how many days there are.
		each := func(points []any, read func(point map[string]any) float64) int {
			t.Helper()
			require.NotEmpty(t, points, name)
			for i, p := range points {
				point := p.(map[string]any)
				at, err := time.Parse(time.RFC3339, point["at"].(string))
				require.NoError(t, err)
				require.Equal(t, noon(4+i-len(points)).Format(time.DateOnly), at.In(zone).Format(time.DateOnly), name)
				require.Equal(t, i < len(points)-1, read(point) == 1, "%s: %v", name, points)
			}
			return len(points)
		}
		refused := func(p map[string]any) float64 {
			counts := p["counts"].([]any)
			if len(counts) == 0 {
				return 0
			}
			return counts[0].(map[string]any)["count"].(float64)
		}
		positive := func(p map[string]any) float64 { return p["positive"].(float64) }

		for span, days := range map[string]int{"7d": 7, "30d": 30} {
			r := c.get("/api/v1/products/" + tenant.ProductID.String() + "/rejections?range=" + span)
			require.Equal(t, http.StatusOK, r.status, r.text)
			require.Equal(t, days, each(r.list("points"), refused), name)
			require.Equal(t, float64(days-1), r.at("total"), name)
		}
		r := c.get("/api/v1/contexts/" + tenant.ContextID.String())
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, 14, each(r.list("health.sparkline"), positive), name)
		query := url.Values{"step": {"day"}, "from": {noon(-6).Format(time.RFC3339)}}
		r = c.get("/api/v1/contexts/" + tenant.ContextID.String() + "/health?" + query.Encode())
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, 10, each(r.list("points"), positive), name)
	}
}

// A dip is no behaviour where signals were refused: every series of a context says so, with the reason.
func TestHealthMarksWhatWasRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, other := testkit.SeedTenant(t, w.db, testkit.Seed{TokenScopes: allScopes(), TimeZone: "Europe/Berlin"}), testkit.SeedTenant(t, w.db)
	hour := w.clock.Now().UTC().Truncate(time.Hour).Add(-30 * time.Hour)
	for _, r := range []struct {
		of   testkit.Tenant
		at   time.Time
		code string
		n    int
	}{
		{tenant, hour, "quota_exceeded", 1204}, {tenant, hour, "rate_limited", 7}, {tenant, hour, "missing_type", 9},
		{tenant, hour.Add(time.Hour), "key_expired", 3}, {other, hour, "origin_not_allowed", 5},
	} {
		w.insert("specter_dashboard", r.of.AccountID, `INSERT INTO ingest_refusals (account_id, product_id, hour, code, n, last_at) VALUES ($1, $2, $3, $4, $5, $3)`,
			r.of.AccountID, r.of.ProductID, r.at, r.code, r.n)
	}
	c := w.withToken(tenant.Token)
	marks := func(path, points string) map[string]any {
		t.Helper()
		r := c.get("/api/v1/contexts/" + tenant.ContextID.String() + path)
		require.Equal(t, http.StatusOK, r.status, r.text)
		found := map[string]any{}
		for _, p := range r.list(points) {
			if refused, ok := p.(map[string]any)["refused"]; ok {
				found[p.(map[string]any)["at"].(string)] = refused
			}
		}
		return found
	}
	count := func(code string, n float64) any { return map[string]any{"code": code, "count": n} }
	first := []any{count("quota_exceeded", 1204), count("rate_limited", 7)}
	require.Equal(t, map[string]any{
		hour.Format(time.RFC3339): first, hour.Add(time.Hour).Format(time.RFC3339): []any{count("key_expired", 3)},
	}, marks("/health?"+url.Values{"step": {"hour"}, "from": {hour.Add(-time.Hour).Format(time.RFC3339)}}.Encode(), "points"))

	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	days := map[string]any{}
	for _, at := range []time.Time{hour, hour.Add(time.Hour)} {
		y, m, d := at.In(berlin).Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, berlin).UTC().Format(time.RFC3339)
		if at.Equal(hour) {
			days[day] = first
		} else {
			before, _ := days[day].([]any)
			days[day] = append(before[:len(before):len(before)], count("key_expired", 3))
		}
	}
	require.Equal(t, days, marks("/health", "points"))
	require.Equal(t, days, marks("", "health.sparkline"))
}
