package authtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Target is an auth server to try. Only URL and Domain are needed; what is missing besides leaves parts untried.
type Target struct {
	URL string
	// AnonKey is sent with every request, as a hosted project's gateway wants it. Absent: none is sent.
	AnonKey string
	// ServiceKey makes and removes people, and links without mail. Absent: people sign up, and stay.
	ServiceKey string
	// ServiceAPIKey goes with ServiceKey in place of AnonKey. Absent: the service key itself.
	ServiceAPIKey string
	// JWTSecret (HS256) signs the tokens that must be refused. Absent: fewer are tried.
	JWTSecret string
	// SiteURL is where its links may lead. Absent: where they do lead when nothing else is wanted.
	SiteURL string
	// Domain of the addresses that are made up.
	Domain string
	// Mail waits for the nth mail to an address and returns its text. Nil: mails cannot be read, and
	// links are made with the service key instead.
	Mail func(t *testing.T, to string, nth int) string
	// Pass lets time go by at the server.
	Pass func(t *testing.T, d time.Duration)
	// Patience is how long a request is repeated that the server refuses because there were too many
	// from here. Zero: it is not.
	Patience time.Duration
}

// need is what a part cannot be tried without.
type need string

const (
	needPeople  need = "people: a service key, or sign-ups that need no mail or whose mail can be read"
	needLinks   need = "links: a service key, or mails that can be read"
	needMail    need = "mails that can be read"
	needService need = "a service key"
)

type part struct {
	name  string
	try   func(*suite)
	needs []need
}

func parts() []part {
	return []part{
		{"signing up and in", (*suite).signsUpAndIn, []need{needPeople}},
		{"an access token", (*suite).accessToken, []need{needPeople}},
		{"wrong passwords", (*suite).wrongPasswords, []need{needPeople}},
		{"an address that is taken", (*suite).takenAddress, []need{needPeople}},
		{"refresh tokens rotate", (*suite).rotates, []need{needPeople}},
		{"a stolen refresh token", (*suite).stolenRefreshToken, []need{needPeople}},
		{"logout scopes", (*suite).logoutScopes, []need{needPeople}},
		{"recovery", (*suite).recovery, []need{needPeople, needLinks}},
		{"a new password", (*suite).newPassword, []need{needPeople}},
		{"a new address", (*suite).newAddress, []need{needPeople, needLinks}},
		{"a magic link", (*suite).magicLink, []need{needPeople, needLinks}},
		{"a code", (*suite).code, []need{needPeople, needLinks}},
		{"the exchange of codes", (*suite).exchange, []need{needPeople, needMail}},
		{"links are good for one person", (*suite).foreignLinks, []need{needPeople, needLinks}},
		{"forged tokens of people", (*suite).forgedTokens, []need{needPeople}},
		{"users for the service key", (*suite).administers, []need{needService}},
		{"admin routes are not for people", (*suite).refusesPeople, []need{needPeople}},
		{"admin routes are not for all", (*suite).refusesAdministration, nil},
		{"forged tokens", (*suite).forgedFromNothing, nil},
		{"nobody is known", (*suite).nobodyIsKnown, nil},
		{"public keys", (*suite).publicKeys, nil},
		{"no open redirect", (*suite).redirects, nil},
		{"malformed requests", (*suite).malformed, nil},
	}
}

// Run tries everything that can be tried. Each part makes people of its own and removes them. A part that cannot be
// tried says so in the log, and all of them again in the end.
func Run(t *testing.T, target Target) {
	t.Helper()
	probe := newSuite(t, target)
	if target.SiteURL == "" {
		target.SiteURL = probe.site()
		t.Logf("its links lead to %s", target.SiteURL)
	}
	able := probe.able()
	if !able[needService] && able[needPeople] {
		t.Logf("people who are made up stay, as specter-…@%s: without a service key nobody can be removed", target.Domain)
	}
	var untried []string
	for _, p := range parts() {
		lacks := slices.DeleteFunc(slices.Clone(p.needs), func(n need) bool { return able[n] })
		name := p.name
		if len(lacks) > 0 {
			untried = append(untried, fmt.Sprintf("%s (needs %s)", name, lacks[0]))
			name += " (not tried)"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(lacks) > 0 {
				t.Logf("NOT TRIED: it needs %s", lacks[0])
				return
			}
			p.try(newSuite(t, target))
		})
	}
	if len(untried) > 0 {
		t.Logf("NOT TRIED:\n\t%s", strings.Join(untried, "\n\t"))
	}
}

// able tells what there is.
func (s *suite) able() map[need]bool {
	service, mail := s.ServiceKey != "", s.Mail != nil
	return map[need]bool{
		needService: service,
		needMail:    mail,
		needLinks:   service || mail,
		needPeople:  service || s.signup && (s.autoconfirm || mail),
	}
}

// site is where a link leads that is of no use and names no other place.
func (s *suite) site() string {
	s.Helper()
	to := s.open(s.uselessLink(""))
	to.Fragment, to.RawQuery = "", ""
	return to.String()
}

// patient repeats a request that was refused because there were too many.
type patient struct {
	suite *suite
	next  http.RoundTripper
}

// pause is as long as a hosted project takes to allow one request more: 30 in five minutes.
const pause = 10 * time.Second

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	for waited := time.Duration(0); ; waited += pause {
		res, err := p.next.RoundTrip(r)
		// A limit of mails is for an hour: waiting is of no use.
		if err != nil || res.StatusCode != http.StatusTooManyRequests || waited >= p.suite.Patience || codeOf(res) == "over_email_send_rate_limit" {
			return res, err
		}
		res.Body.Close()
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		p.suite.Pass(p.suite.T, pause)
	}
}
