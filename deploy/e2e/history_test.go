package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// history is sixteen weeks of a checkout: day and week rhythm, chance, and one
// release that breaks the pay button until its fix ships a week later. (The
// break itself is among the placebo windows of the verification, so a verdict
// after a week-long incident needs more than the minimum of history.)
type history struct {
	from   time.Time
	broken time.Time // the bad release
	fixed  time.Time // its fix
	to     time.Time
}

func sixteenWeeks() history {
	to := time.Now().UTC().Truncate(24 * time.Hour)
	return history{from: to.AddDate(0, 0, -112), broken: to.AddDate(0, 0, -21).Add(9 * time.Hour), fixed: to.AddDate(0, 0, -14), to: to}
}

// signals draws the history; the same seed gives the same signals, ids included.
func (h history) signals(contextID uuid.UUID, seed uint64) []api.HistoricSignal {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []api.HistoricSignal
	for hour := h.from; hour.Before(h.to); hour = hour.Add(time.Hour) {
		rhythm := 1 + 0.8*math.Sin(2*math.Pi*(float64(hour.Hour())-9)/24)
		if wd := hour.Weekday(); wd == time.Saturday || wd == time.Sunday {
			rhythm *= 0.7
		}
		attempts := int(12*rhythm + 3*r.NormFloat64())
		for i := range max(0, attempts) {
			at := hour.Add(time.Duration(r.IntN(3600)) * time.Second)
			out = append(out, h.attempt(contextID, r, at, i))
		}
	}
	return out
}

func (h history) attempt(contextID uuid.UUID, r *rand.Rand, at time.Time, i int) api.HistoricSignal {
	release, breaking := "2.3.0", 0.0
	switch {
	case !at.Before(h.fixed):
		release = "2.3.2"
	case !at.Before(h.broken):
		release, breaking = "2.3.1", 0.4
	}
	var random [16]byte
	for n := range random {
		random[n] = byte(r.UintN(256))
	}
	id, err := uuid.FromBytes(random[:])
	if err != nil {
		panic(err) // sixteen bytes by construction
	}
	session := fmt.Sprintf("s-%d-%d", at.Unix()/900, i)
	signal := api.HistoricSignal{
		Id: id, Type: "checkout_completed", Timestamp: at, ContextId: &contextID, SessionId: &session,
		Payload: &map[string]any{"path": "/checkout", "release": release},
	}
	element := ""
	switch chance := r.Float64(); {
	case chance < breaking:
		element = "#pay"
	case r.Float64() < 0.08: // what annoys people in any release
		element = []string{"#coupon", "#quantity", "#pay", "a.back", "#address"}[r.IntN(5)]
	}
	if element != "" {
		signal.Type = "rage_click"
		signal.Payload = &map[string]any{"path": "/checkout", "release": release, "element": element}
	}
	return signal
}

// importAll sends a history through the public import operation.
func importAll(t testing.TB, s *system, product uuid.UUID, signals []api.HistoricSignal) {
	t.Helper()
	begun := call[api.Import](t, s, http.MethodPost, "/api/v1/products/"+product.String()+"/imports", map[string]string{"name": "history"})
	path := "/api/v1/imports/" + begun.Id.String()
	for len(signals) > 0 {
		n := min(1000, len(signals))
		got := call[api.ImportedBatch](t, s, http.MethodPost, path+"/signals", api.ImportBatch{Signals: signals[:n]})
		require.Equal(t, n, got.Received)
		signals = signals[n:]
	}
	call[json.RawMessage](t, s, http.MethodPost, path+"/complete", nil)
}
