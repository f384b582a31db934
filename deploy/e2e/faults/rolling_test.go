package faults

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// balancer sends requests to whichever gateway is ready, as an edge proxy with health
// checks does.
type balancer struct {
	backends []*backend
	turn     atomic.Uint64
	to       http.Transport
}

type backend struct {
	url   *url.URL
	ready atomic.Bool
}

const healthEvery = 50 * time.Millisecond

// balance starts a balancer and returns it with its address.
func balance(t *testing.T, urls []string) (*balancer, string) {
	t.Helper()
	b := &balancer{to: http.Transport{MaxIdleConnsPerHost: 32}}
	var checks sync.WaitGroup
	stop := make(chan struct{})
	for _, text := range urls {
		to, err := url.Parse(text)
		require.NoError(t, err)
		one := &backend{url: to}
		b.backends = append(b.backends, one)
		one.check()
		checks.Go(func() {
			for {
				select {
				case <-time.After(healthEvery):
					one.check()
				case <-stop:
					return
				}
			}
		})
	}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(b.backends[0].url) }, Transport: b})
	t.Cleanup(func() {
		server.Close()
		close(stop)
		checks.Wait()
		b.to.CloseIdleConnections()
	})
	return b, server.URL
}

// RoundTrip asks the gateways in turn. One that does not listen has not seen the request,
// so the next may have it; any other failure is the client's 502, which the load takes for
// a fault.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	first := b.turn.Add(1)
	err := errors.New("no gateway is ready")
	for n := range uint64(len(b.backends)) {
		one := b.backends[(first+n)%uint64(len(b.backends))]
		if !one.ready.Load() {
			continue
		}
		r.URL.Host = one.url.Host
		var res *http.Response
		if res, err = b.to.RoundTrip(r); !errors.Is(err, syscall.ECONNREFUSED) {
			return res, err
		}
	}
	return nil, err
}

// check believes a gateway that says it is not ready, or does not listen; one that is
// slow to say so counts as it did before.
func (b *backend) check() {
	client := http.Client{Timeout: time.Second}
	res, err := client.Get(b.url.String() + "/healthz/ready")
	if err == nil {
		res.Body.Close()
	} else if timeout := (net.Error)(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return
	}
	b.ready.Store(err == nil && res.StatusCode == http.StatusOK)
}

func TestRow23RollingRestart(t *testing.T) {
	rounds := count(10, 1)
	line := begin(t, "23", "rolling restart of two gateways ×%d", rounds)
	r := rig.New(t, rig.Options{Gateways: 2, Gateway: []string{"SPECTER_DRAIN_DELAY=" + count(2*time.Second, time.Second).String()}})
	front, address := balance(t, r.URLs())
	run := r.Send(t, load.Plan{URLs: []string{address}, Think: unhurried.Think, Limit: faultLimit, Patience: impatient})
	var slowest time.Duration
	for range rounds {
		for n, gateway := range r.Gateways {
			taken := run.OK()
			slowest = max(slowest, gateway.Stop(t))
			gateway.Start(t)
			program.Await(t, time.Minute, "the balancer to see it", func() bool { return front.backends[n].ready.Load() })
			awaitOK(t, run, taken+20, 10*time.Second)
		}
	}
	line.load(t, run)
	line.judge(t, r)
	line.note("slowest stop %s", slowest.Round(time.Millisecond))
}
