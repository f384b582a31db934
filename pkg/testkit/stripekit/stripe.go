package stripekit

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Canaries are in the objects and must never leave them.
func Canaries() []string {
	return []string{"canary-4242", "canary-visa", "canary-fingerprint", "Canary Street 1", "+49 30 canary", "Canary Person"}
}

// Price is what can be bought.
type Price struct {
	ID, Currency, Interval string
	Amount                 int64
}

// Customer is one.
type Customer struct {
	ID, Email, Account string
	Deleted            bool
}

// Subscription is one; ended ones stay.
type Subscription struct {
	ID, Customer, Status, Price string
	Created, Invoiced           time.Time
	PeriodStart, PeriodEnd      time.Time
	EndsWithPeriod              bool
	TrialEnd                    time.Time
	Metadata                    map[string]string
}

// Over tells whether it has ended.
func (s Subscription) Over() bool { return s.Status == "canceled" || s.Status == "incomplete_expired" }

// Session is a checkout.
type Session struct {
	ID, Customer, Price, Status, SuccessURL, CancelURL string
	Created, ExpiresAt                                 time.Time
}

// Stripe is a server.
type Stripe struct {
	*httptest.Server
	// Secret signs webhooks.
	Secret string
	now    func() time.Time

	mu            sync.Mutex
	down          bool
	after         func(*http.Request)
	refused       string
	noEmails      bool
	requests      []string
	n             int
	customers     map[string]*Customer
	subscriptions map[string]*Subscription
	sessions      map[string]*Session
	prices        map[string]Price
	repeated      map[string]kept // by idempotency key
	events        []Event
	told          func(Event)
}

type kept struct {
	form   string
	status int
	body   []byte
}

// New starts a Stripe that sells prices. Close it.
func New(now func() time.Time, prices ...Price) *Stripe {
	s := &Stripe{
		Secret: "whsec_of_the_test", now: now, customers: map[string]*Customer{}, subscriptions: map[string]*Subscription{}, sessions: map[string]*Session{},
		prices: map[string]Price{}, repeated: map[string]kept{},
	}
	for _, p := range prices {
		s.prices[p.ID] = p
	}
	s.Server = httptest.NewServer(s.handler())
	return s
}

// Down makes every request fail until it is false again.
func (s *Stripe) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// After is called with every request when it had its effect, before its answer leaves.
func (s *Stripe) After(f func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

// Refuse makes requests that name a customer fail as if the key were not good; "" ends that.
func (s *Stripe) Refuse(customer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = customer
}

// RefuseEmails makes every e-mail address one that Stripe does not take, until it is false again.
func (s *Stripe) RefuseEmails(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noEmails = refuse
}

// OnEvent is called with every event.
func (s *Stripe) OnEvent(f func(Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = f
}

// Requests lists what was asked, as "POST /v1/customers".
func (s *Stripe) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Stripe) id(prefix string) string {
	s.n++
	return fmt.Sprintf("%s_%06d", prefix, s.n)
}

// Customers lists them, deleted ones too.
func (s *Stripe) Customers() []Customer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.customers, func(c *Customer) string { return c.ID })
}

// Subscriptions lists a customer's, or all.
func (s *Stripe) Subscriptions(customer string) []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := sorted(s.subscriptions, func(c *Subscription) string { return c.ID })
	return slices.DeleteFunc(all, func(c Subscription) bool { return customer != "" && c.Customer != customer })
}

// Sessions lists a customer's checkouts, or all.
func (s *Stripe) Sessions(customer string) []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := sorted(s.sessions, func(c *Session) string { return c.ID })
	return slices.DeleteFunc(all, func(c Session) bool { return customer != "" && c.Customer != customer })
}

func sorted[T any](all map[string]*T, id func(*T) string) []T {
	keys := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Compare(id(all[a]), id(all[b])) })
	out := make([]T, len(keys))
	for i, key := range keys {
		out[i] = *all[key]
	}
	return out
}

// Complete pays an open checkout: a subscription begins. False when it is not open.
func (s *Stripe) Complete(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.sessions[session]
	if !ok || c.Status != "open" || s.customers[c.Customer].Deleted {
		return false
	}
	c.Status = "complete"
	s.subscribe(c.Customer, c.Price, "active")
	s.happened("checkout.session.completed", s.sessionObject(c))
	return true
}

// Subscribe makes a subscription without a checkout, as the operator can at Stripe.
func (s *Stripe) Subscribe(customer, price, status string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.customers[customer]; !ok || c.Deleted {
		return ""
	}
	return s.subscribe(customer, price, status)
}

func (s *Stripe) subscribe(customer, price, status string) string {
	now := s.now().Truncate(time.Second)
	sub := &Subscription{
		ID: s.id("sub"), Customer: customer, Status: status, Price: price, Created: now, Invoiced: now, PeriodStart: now, PeriodEnd: now.AddDate(0, 1, 0),
		Metadata: map[string]string{},
	}
	if status == "trialing" {
		sub.TrialEnd = sub.PeriodEnd
	}
	s.subscriptions[sub.ID] = sub
	s.happened("customer.subscription.created", s.subscriptionObject(sub))
	return sub.ID
}

// Change edits a subscription that has not ended; what happened is an event.
func (s *Stripe) Change(subscription string, edit func(*Subscription)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, ok := s.subscriptions[subscription]
	if !ok || sub.Over() {
		return
	}
	edit(sub)
	s.changed(sub)
}

func (s *Stripe) changed(sub *Subscription) {
	kind := "customer.subscription.updated"
	if sub.Over() {
		kind = "customer.subscription.deleted"
	}
	s.happened(kind, s.subscriptionObject(sub))
}

// FailPayment makes a renewal fail: a new period begins with an invoice that nobody paid.
func (s *Stripe) FailPayment(subscription string) {
	s.Change(subscription, func(sub *Subscription) {
		sub.Status, sub.Invoiced = "past_due", s.now().Truncate(time.Second)
		sub.PeriodStart, sub.PeriodEnd = sub.Invoiced, sub.Invoiced.AddDate(0, 1, 0)
	})
}

// DeleteCustomer deletes one and ends its subscriptions.
func (s *Stripe) DeleteCustomer(customer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleteCustomer(customer)
}

func (s *Stripe) deleteCustomer(customer string) bool {
	c, ok := s.customers[customer]
	if !ok || c.Deleted {
		return false
	}
	c.Deleted, c.Email = true, ""
	for _, id := range slices.Sorted(maps.Keys(s.subscriptions)) {
		if sub := s.subscriptions[id]; sub.Customer == customer && !sub.Over() {
			sub.Status = "canceled"
			s.changed(sub)
		}
	}
	for _, session := range s.sessions {
		if session.Customer == customer && session.Status == "open" {
			session.Status = "expired"
		}
	}
	s.happened("customer.deleted", map[string]any{"id": c.ID, "object": "customer", "deleted": true})
	return true
}
