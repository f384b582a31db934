package load

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/ledger"
)

// received is what a server answers that keeps the contract.
func received(w http.ResponseWriter, signals int) { fmt.Fprintf(w, `{"received":%d}`, signals) }

// refuse answers as a server does that cannot store anything now.
func refuse(w http.ResponseWriter, status int, retryAfter string) {
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	fmt.Fprint(w, `{"code":"unavailable"}`)
}

// send has one client send signals until ten are acknowledged; the first answer is first's, the others
// are right.
func send(t *testing.T, plan Plan, first http.HandlerFunc) *Run {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			first(w, r)
			return
		}
		received(w, 1)
	}))
	t.Cleanup(server.Close)
	book, err := ledger.Open(t.TempDir(), 1)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, book.Close()) })
	plan.URLs, plan.Targets = []string{server.URL}, []Target{{Account: uuid.New(), Key: "spk_test"}}
	plan.Clients, plan.Batch, plan.Signals, plan.Limit, plan.Patience = 1, 1, 10, time.Minute, time.Millisecond
	run := Start(t.Context(), plan, book)
	<-run.Done()
	return run
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// TestTheLoadSeesEveryBreachOfTheContract: a load that never complains proves nothing.
func TestTheLoadSeesEveryBreachOfTheContract(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]http.HandlerFunc{
		"a connection that ends without an answer": hangUp,
		"200 for another number of signals":        func(w http.ResponseWriter, _ *http.Request) { received(w, 2) },
		"200 that says nothing":                    func(http.ResponseWriter, *http.Request) {},
		"503 without a time to come back":          func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "") },
		"503 that says to come back at once":       func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "0") },
		"429 without a time to come back":          func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429, "") },
		"a failure of the server":                  func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "1") },
		"a proxy that found no server":             func(w http.ResponseWriter, _ *http.Request) { refuse(w, 502, "1") },
		"a refusal for good":                       func(w http.ResponseWriter, _ *http.Request) { refuse(w, 400, "1") },
	} {
		require.NotEmpty(t, send(t, Plan{}, first).Problems(), name)
	}
}

// TestAProcessThatIsKilledMayLeaveRequestsWithoutAnAnswer: they are counted, and sent again.
func TestAProcessThatIsKilledMayLeaveRequestsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	run := send(t, Plan{Breaks: true}, hangUp)
	require.Empty(t, run.Problems())
	require.EqualValues(t, 1, run.Broken())
	require.EqualValues(t, 10, run.OK())
}

func TestTheLoadTakesWhatTheContractAllows(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]http.HandlerFunc{
		"200": func(w http.ResponseWriter, _ *http.Request) { received(w, 1) },
		"503": func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "1") },
		"429": func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429, "3600") },
	} {
		run := send(t, Plan{}, first)
		require.Empty(t, run.Problems(), name)
		require.EqualValues(t, 10, run.OK(), name)
	}
}
