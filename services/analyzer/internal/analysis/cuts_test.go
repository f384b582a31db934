package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

// refuse counts signals of the product as refused in each hour of a span.
func (d *desk) refuse(from, to time.Time, code string, n int) {
	d.t.Helper()
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		d.edit(fmt.Sprintf(`INSERT INTO ingest_refusals (account_id, product_id, hour, code, n, last_at) VALUES ('%s', '%s', '%s', '%s', %d, '%[3]s')`,
			d.who.AccountID, d.who.ProductID, at.Format(time.RFC3339), code, n))
	}
}

// What was refused did come: that it is missing is nobody's behaviour.
func TestRefusedSignalsAreNoSilence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		code    string
		refused int     // an hour
		left    float64 // of 40 signals an hour
		family  string  // found all the same
	}{
		{name: "the monthly limit is used up", code: "quota_exceeded", refused: 35},
		{name: "and most senders know it", code: "quota_exceeded", refused: 1},
		{name: "more come at once than may", code: "rate_limited", refused: 30, left: 10},
		{name: "the key has expired", code: "key_expired", refused: 40},
		{name: "the origin is not the key's", code: "origin_not_allowed", refused: 40},
		{name: "a forgotten page has an expired key", code: "key_expired", refused: 1, family: analysis.Silence},
		{name: "what was refused would not have counted", code: "missing_type", refused: 40, family: analysis.Silence},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begins := hoursAgo(10)
			d := newDesk(t, hoursAgo(0))
			d.shop(hoursAgo(month), begins, 40, usually)
			if c.left > 0 {
				d.shop(begins, hoursAgo(0), c.left, usually)
			}
			d.refuse(begins, hoursAgo(0), c.code, c.refused)
			d.hourly(begins.Add(5*time.Hour), hoursAgo(0))
			if c.family != "" {
				require.Equal(t, c.family, d.only().Family)
				return
			}
			all, _ := d.findings()
			require.Zero(t, all, "as it goes on")
			d.walk(begins.Add(-time.Hour), hoursAgo(0))
			all, _ = d.findings()
			require.Zero(t, all, "nor looking back")
		})
	}
}

// After hours that say nothing a silence is one like any other, and begins where it does.
func TestSilenceAfterRefusals(t *testing.T) {
	t.Parallel()
	refused, accepted, stops := hoursAgo(36), hoursAgo(28), hoursAgo(8)
	d := newDesk(t, hoursAgo(0))
	d.shop(hoursAgo(month), refused, 40, usually)
	d.refuse(refused, accepted, "quota_exceeded", 40)
	d.shop(accepted, stops, 40, usually)
	d.hourly(accepted, stops)
	all, _ := d.findings()
	require.Zero(t, all)
	d.hourly(stops.Add(time.Hour), hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.Silence, f.Family)
	require.Equal(t, stops, f.Started.UTC())
}
