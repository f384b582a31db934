package notifier_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// book is what receivers had of each event, by endpoint.
type book struct {
	mu       sync.Mutex
	attempts map[string]int
	accepted map[string]int
	at       map[string]time.Time
}

// TestThoseWhoAreWellHaveEverythingInTime is the bench of deploy/bench/notify made small: of ten
// endpoints two never answer and one fails first; nothing is lost, nothing comes again after a 2xx, and
// those who are well do not notice. It is about time, so it runs alone.
func TestThoseWhoAreWellHaveEverythingInTime(t *testing.T) {
	const events, endpoints, silent, failFirst = 40, 10, 2, 1
	const pace = 100 * time.Millisecond // a hundred deliveries a second
	s := newStage(t)
	s.timeout = 20 * time.Second // whoever waited behind the silent would wait so long
	b := &book{attempts: map[string]int{}, accepted: map[string]int{}, at: map[string]time.Time{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that its client is gone
		key, kind := r.URL.Path+" "+r.Header.Get("webhook-id"), r.URL.Query().Get("kind")
		b.mu.Lock()
		b.attempts[key]++
		accepts := kind == "well" || kind == "fails first" && b.attempts[key] > 1
		if accepts {
			b.accepted[key]++
			b.at[key] = time.Now()
		}
		b.mu.Unlock()
		switch {
		case kind == "silent":
			<-r.Context().Done()
		case !accepts:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	var well, slow, deaf []uuid.UUID
	for n := range endpoints {
		path := server.URL + "/" + uuid.NewString()
		switch {
		case n < silent:
			deaf = append(deaf, s.endpoint(path+"?kind=silent", "*"))
		case n < silent+failFirst:
			slow = append(slow, s.endpoint(path+"?kind=fails%20first", "*"))
		default:
			well = append(well, s.endpoint(path+"?kind=well", "*"))
		}
	}
	s.start(loopback)
	published := map[string]time.Time{}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for range events {
		<-tick.C
		m := s.publish("x")
		published[m.ID.String()] = m.Time
	}
	hurried := time.Now()
	testkit.Eventually(t, func() bool {
		if time.Since(hurried) > time.Second { // what waits for its retry need not wait here
			s.hurry()
			hurried = time.Now()
		}
		return s.count(`status = 'delivered' AND endpoint_id = ANY($1)`, append(append([]uuid.UUID{}, well...), slow...)) == events*(endpoints-silent)
	}, "all who answer have everything")
	require.Equal(t, events*endpoints, s.count(`true`), "one row an event and endpoint")
	require.Zero(t, s.count(`status = 'delivered' AND endpoint_id = ANY($1)`, deaf))
	require.Zero(t, s.count(`attempts <> (SELECT count(*) FROM delivery_attempts a WHERE a.delivery_id = d.id)`), "every attempt is logged")

	b.mu.Lock()
	defer b.mu.Unlock()
	late := 0
	for key, n := range b.accepted {
		require.Equal(t, 1, n, "%s was accepted and came again", key)
		if b.attempts[key] == 1 && b.at[key].Sub(published[key[len(key)-36:]]) > 5*time.Second {
			late++
		}
	}
	require.LessOrEqual(t, late, events*len(well)/20, "19 of 20 within five seconds, on a machine that tests keep busy")
}
