package httpapi

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// visitorsKept bounds the memory; whoever was not seen for longest is forgotten.
	visitorsKept = 10_000
	// An IPv6 visitor has as many addresses as it likes within its network.
	visitorNetwork = 64
)

// visitors gives each address a token bucket, kept in memory: a restart forgives.
type visitors struct {
	burst int
	every time.Duration
	now   func() time.Time

	mu     sync.Mutex
	order  *list.List // of *visitor, most recently seen first
	byAddr map[string]*list.Element
}

type visitor struct {
	addr    string
	limiter *rate.Limiter
}

func newVisitors(burst int, every time.Duration, now func() time.Time) *visitors {
	return &visitors{burst: burst, every: every, now: now, order: list.New(), byAddr: map[string]*list.Element{}}
}

// take returns how long the address has to wait, 0 when it may go ahead.
func (v *visitors) take(addr string) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	reservation := v.limiter(network(addr)).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

func (v *visitors) limiter(addr string) *rate.Limiter {
	if e, ok := v.byAddr[addr]; ok {
		v.order.MoveToFront(e)
		return e.Value.(*visitor).limiter
	}
	one := &visitor{addr: addr, limiter: rate.NewLimiter(rate.Every(v.every), v.burst)}
	v.byAddr[addr] = v.order.PushFront(one)
	if v.order.Len() > visitorsKept {
		oldest := v.order.Remove(v.order.Back()).(*visitor)
		delete(v.byAddr, oldest.addr)
	}
	return one.limiter
}

// network is what an address counts as.
func network(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(visitorNetwork)
	if err != nil {
		return addr
	}
	return prefix.String()
}
