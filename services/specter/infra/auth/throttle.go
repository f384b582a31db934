package auth

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/throttle"
)

// throttles of a server. A place is where a request comes from.
type throttles struct {
	// Guesses at one address from one place: ten at once, then one in ten seconds. A success
	// gives them back. Whoever uses them up locks out their own place, not the person elsewhere.
	guessesHere *throttle.Throttle
	// Guesses at one address from everywhere: many places before they hold each other up.
	guessesAnywhere *throttle.Throttle
	requestsOfPlace *throttle.Throttle
	// Mails to one address that one place asks for: more slowly than they are allowed to all, so that nobody uses up
	// those of the person elsewhere.
	mailsHere *throttle.Throttle
	// Mails of one kind to one address: one a minute, as Supabase; and of all kinds together.
	mailsOfKind, mailsToOne *throttle.Throttle
	mailsOfPlace            *throttle.Throttle
}

func newThrottles(now func() time.Time) throttles {
	return throttles{
		guessesHere:     throttle.New(10, 10*time.Second, now),
		guessesAnywhere: throttle.New(100, 10*time.Second, now),
		requestsOfPlace: throttle.New(100, time.Second, now),
		mailsHere:       throttle.New(5, 12*time.Minute, now),
		mailsOfKind:     throttle.New(1, time.Minute, now),
		mailsToOne:      throttle.New(10, 6*time.Minute, now),
		mailsOfPlace:    throttle.New(30, time.Minute, now),
	}
}

// guess returns how long a guess at an address has to wait, 0 when it may be made now. right gives
// the guesses back.
func (t throttles) guess(place, email string) (wait time.Duration, right func()) {
	wait = max(of(t.requestsOfPlace, place), t.guessesHere.Take(place+" "+email))
	if wait > 0 {
		return wait, nil
	}
	if wait = t.guessesAnywhere.Take(email); wait > 0 {
		return wait, nil
	}
	return 0, func() {
		t.guessesHere.Forgive(place + " " + email)
		t.guessesAnywhere.Forgive(email)
	}
}

// mail returns how long a mail to an address has to wait, 0 when it may be sent now.
func (t throttles) mail(place, kind, email string) time.Duration {
	if wait := max(of(t.requestsOfPlace, place), of(t.mailsOfPlace, place)); wait > 0 {
		return wait
	}
	if place != "" {
		if wait := t.mailsHere.Take(place + " " + email); wait > 0 {
			return wait
		}
	}
	if wait := t.mailsOfKind.Take(kind + " " + email); wait > 0 {
		return wait
	}
	return t.mailsToOne.Take(email)
}

// of is what a place has to wait, which may be unknown.
func of(t *throttle.Throttle, place string) time.Duration {
	if place == "" {
		return 0
	}
	return t.Take(place)
}

// placeOf names where a request comes from, "" when nobody knows: from a process of this machine
// that does not say for whom it asks. A proxy on this machine says it in X-Forwarded-For; from
// elsewhere that header is anybody's word. An IPv6 place is a /64, which one subscriber has.
func placeOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	if ip.Unmap().IsLoopback() {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		ip, err = netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			return ""
		}
	}
	return throttle.Network(ip.String())
}
