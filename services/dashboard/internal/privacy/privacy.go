package privacy

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Recipient is a third party that receives data.
type Recipient struct {
	Name     string `json:"name"`
	Host     string `json:"host,omitempty"`
	Purpose  string `json:"purpose"`
	Receives string `json:"receives"`
}

// Kept is how old something may become.
type Kept struct {
	What string `json:"what"`
	Days int    `json:"days"`
}

// Own are the dashboard's own settings.
type Own struct {
	Operator   string // who runs the instance; "" = not said
	Contact    string // an e-mail address or URL for questions about data; "" = not said
	Recipients []Recipient
	Analytics  bool // use of the dashboard is measured
	Grace      time.Duration
	Cookies    map[string]string // name -> what it is for
	Kept       []Kept            // what the dashboard itself keeps for a time
}

// Disclosed is what the other services say of themselves.
type Disclosed struct {
	Services     []string // that have said something
	Recipients   []Recipient
	SignalMonths int // the most of any; 0: none has said
	Kept         []Kept
}

// Source reads what services disclose.
type Source interface {
	Disclosed(ctx context.Context) (Disclosed, error)
}

// Statement is what the page says; its JSON form is served as /privacy.json.
type Statement struct {
	At         time.Time   `json:"at"`
	Operator   string      `json:"operator,omitempty"`
	Contact    string      `json:"contact,omitempty"`
	Recipients []Recipient `json:"recipients"`
	// SignalMonths is how long signals are kept at most, unless an account's plan says less.
	SignalMonths int               `json:"signal_months"`
	Kept         []Kept            `json:"kept"`
	GraceSeconds int               `json:"deletion_grace_seconds"`
	GoneDays     int               `json:"deletion_complete_within_days"`
	Cookies      map[string]string `json:"cookies"` // name -> what it is for
	Analytics    bool              `json:"analytics"`
	// Unknown names the services that have not been heard for an hour: what they do is not in here.
	Unknown []string `json:"unknown,omitempty"`
}

const (
	// policyMonths is what is promised while nobody says less.
	policyMonths = 24
	goneDays     = 30
	day          = 24 * time.Hour
	// freshFor is how long what services have said is shown before they are heard again: the page is for everybody, and
	// the broker has better to do.
	freshFor = 2 * time.Second
)

// telling are the services whose word the page needs.
func telling() []string { return []string{"proposal", "retention"} }

// Service makes statements.
type Service struct {
	own    Own
	source Source
	now    func() time.Time

	mu    sync.Mutex
	said  Disclosed
	heard time.Time
}

// New returns a Service.
func New(own Own, source Source, now func() time.Time) *Service {
	return &Service{own: own, source: source, now: now}
}

// Statement is what is true at this moment. While nothing can be heard of the other services it says
// that it does not know.
func (s *Service) Statement(ctx context.Context) Statement {
	said := s.hear(ctx)
	out := Statement{
		At: s.now().UTC(), Operator: s.own.Operator, Contact: s.own.Contact,
		Recipients: slices.Concat(s.own.Recipients, said.Recipients), Kept: longest(slices.Concat(said.Kept, s.own.Kept)),
		SignalMonths: said.SignalMonths, GraceSeconds: int(s.own.Grace.Seconds()), GoneDays: goneDays,
		Cookies: s.own.Cookies, Analytics: s.own.Analytics,
	}
	if out.SignalMonths == 0 {
		out.SignalMonths = policyMonths
	}
	if out.Recipients == nil {
		out.Recipients = []Recipient{}
	}
	for _, name := range telling() {
		if !slices.Contains(said.Services, name) {
			out.Unknown = append(out.Unknown, name)
		}
	}
	return out
}

// longest names each thing once, with the longest time that anybody keeps it.
func longest(all []Kept) []Kept {
	out := []Kept{}
	at := map[string]int{}
	for _, k := range all {
		if i, known := at[k.What]; known {
			out[i].Days = max(out[i].Days, k.Days)
			continue
		}
		at[k.What] = len(out)
		out = append(out, k)
	}
	return out
}

// hear returns what the other services say. Who comes while it is found out waits for the same answer, whoever leaves.
func (s *Service) hear(ctx context.Context) Disclosed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.heard) >= freshFor {
		said, err := s.source.Disclosed(context.WithoutCancel(ctx))
		if err != nil {
			said = Disclosed{}
		}
		s.said, s.heard = said, now
	}
	return s.said
}

// grace says how long a deletion can be taken back.
func (s Statement) grace() string {
	const back = "You can take that back for %s; then it begins."
	switch grace := time.Duration(s.GraceSeconds) * time.Second; {
	case grace <= 0:
		return "It begins at once and cannot be taken back."
	case grace >= 2*day:
		return fmt.Sprintf(back, fmt.Sprintf("%d days", grace/day))
	default:
		return fmt.Sprintf(back, grace)
	}
}

// CheckContact refuses what is neither an e-mail address nor a web page; "" is neither and fine.
func CheckContact(contact string) error {
	if contact == "" {
		return nil
	}
	if u, err := url.Parse(contact); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return nil
	}
	if address, err := mail.ParseAddress(contact); err == nil && address.Address == contact {
		return nil
	}
	return errors.New("it must be an e-mail address or an https:// URL")
}

// contactLink is where the contact leads; "" when there is none.
func (s Statement) contactLink() string {
	switch {
	case s.Contact == "":
		return ""
	case strings.HasPrefix(s.Contact, "https://"), strings.HasPrefix(s.Contact, "http://"):
		return s.Contact
	default:
		return "mailto:" + s.Contact
	}
}
