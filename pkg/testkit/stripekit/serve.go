package stripekit

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is an error of Stripe's.
type refusal struct {
	status     int
	kind, code string
}

var (
	missing = &refusal{http.StatusNotFound, "invalid_request_error", "resource_missing"}
	invalid = &refusal{http.StatusBadRequest, "invalid_request_error", ""}
)

type answerer func(r *http.Request) (map[string]any, *refusal)

func (s *Stripe) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, answer := range map[string]answerer{
		"POST /v1/customers":                     s.createCustomer,
		"GET /v1/customers/{id}":                 s.getCustomer,
		"POST /v1/customers/{id}":                s.updateCustomer,
		"DELETE /v1/customers/{id}":              s.removeCustomer,
		"GET /v1/subscriptions":                  s.listSubscriptions,
		"POST /v1/subscriptions/{id}":            s.updateSubscription,
		"DELETE /v1/subscriptions/{id}":          s.cancelSubscription,
		"GET /v1/checkout/sessions":              s.listSessions,
		"POST /v1/checkout/sessions":             s.createSession,
		"POST /v1/checkout/sessions/{id}/expire": s.expireSession,
		"POST /v1/billing_portal/sessions":       s.createPortal,
		"GET /v1/prices":                         s.listPrices,
		"GET /v1/prices/{id}":                    s.getPrice,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, answer) })
	}
	mux.HandleFunc("GET /pay/{id}", s.payPage)
	mux.HandleFunc("POST /pay/{id}", s.pay)
	mux.HandleFunc("GET /portal/{id}", s.portalPage)
	return mux
}

func (s *Stripe) serve(w http.ResponseWriter, r *http.Request, answer answerer) {
	_ = r.ParseForm()
	status, body := s.answer(r, answer)
	s.mu.Lock()
	after := s.after
	s.mu.Unlock()
	if after != nil {
		after(r)
	}
	w.Header().Set("Stripe-Should-Retry", "false") // a client that waits makes tests wait
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Stripe) answer(r *http.Request, answer answerer) (status int, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	if s.down {
		return encoded(nil, &refusal{http.StatusServiceUnavailable, "api_error", ""})
	}
	if s.refused != "" && (r.PathValue("id") == s.refused || r.Form.Get("customer") == s.refused) {
		return encoded(nil, &refusal{http.StatusForbidden, "invalid_request_error", ""})
	}
	key, form := r.Header.Get("Idempotency-Key"), r.URL.Path+"?"+r.Form.Encode()
	if old, again := s.repeated[key]; again && r.Method == http.MethodPost {
		if old.form != form {
			return encoded(nil, &refusal{http.StatusBadRequest, "idempotency_error", ""})
		}
		return old.status, old.body
	}
	object, refused := answer(r)
	status, body = encoded(object, refused)
	if key != "" && r.Method == http.MethodPost && refused == nil {
		s.repeated[key] = kept{form, status, body}
	}
	return status, body
}

func encoded(object map[string]any, refused *refusal) (status int, body []byte) {
	if refused != nil {
		return refused.status, encode(map[string]any{"error": map[string]any{"type": refused.kind, "code": refused.code, "message": "refused " + Canaries()[0]}})
	}
	return http.StatusOK, encode(object)
}

func list(path string, items []any) map[string]any {
	return map[string]any{"object": "list", "url": path, "has_more": false, "data": append([]any{}, items...)}
}

func (s *Stripe) customerObject(c *Customer) map[string]any {
	if c.Deleted {
		return map[string]any{"id": c.ID, "object": "customer", "deleted": true}
	}
	canaries := Canaries()
	return map[string]any{
		"id": c.ID, "object": "customer", "email": c.Email, "metadata": map[string]any{"specter_account": c.Account},
		"name": canaries[5], "phone": canaries[4], "address": map[string]any{"line1": canaries[3]},
	}
}

func (s *Stripe) subscriptionObject(sub *Subscription) map[string]any {
	canaries := Canaries()
	object := map[string]any{
		"id": sub.ID, "object": "subscription", "customer": sub.Customer, "status": sub.Status, "created": sub.Created.Unix(),
		"current_period_start": sub.PeriodStart.Unix(), "current_period_end": sub.PeriodEnd.Unix(), "cancel_at_period_end": sub.EndsWithPeriod, "metadata": sub.Metadata,
		"items":          list("/v1/subscription_items", []any{map[string]any{"id": "si_" + sub.ID, "object": "subscription_item", "quantity": 1, "price": s.priceObject(sub.Price)}}),
		"latest_invoice": map[string]any{"id": "in_" + sub.ID, "object": "invoice", "created": sub.Invoiced.Unix()},
		"default_payment_method": map[string]any{"id": "pm_1", "object": "payment_method", "card": map[string]any{
			"last4": canaries[0], "brand": canaries[1], "fingerprint": canaries[2], "exp_month": 12, "exp_year": 2031,
		}},
	}
	if !sub.TrialEnd.IsZero() {
		object["trial_end"] = sub.TrialEnd.Unix()
	}
	return object
}

func (s *Stripe) priceObject(id string) map[string]any {
	p, ok := s.prices[id]
	if !ok {
		p = Price{ID: id, Currency: "eur", Interval: "month"}
	}
	return map[string]any{
		"id": id, "object": "price", "active": true, "billing_scheme": "per_unit", "currency": p.Currency, "unit_amount": p.Amount, "type": "recurring",
		"recurring": map[string]any{"interval": p.Interval, "interval_count": 1},
	}
}

func (s *Stripe) sessionObject(c *Session) map[string]any {
	canaries := Canaries()
	object := map[string]any{
		"id": c.ID, "object": "checkout.session", "customer": c.Customer, "status": c.Status, "mode": "subscription", "created": c.Created.Unix(), "expires_at": c.ExpiresAt.Unix(),
		"line_items":       list("/v1/line_items", []any{map[string]any{"id": "li_" + c.ID, "object": "item", "price": s.priceObject(c.Price)}}),
		"customer_details": map[string]any{"name": canaries[5], "phone": canaries[4], "address": map[string]any{"line1": canaries[3]}},
	}
	if c.Status == "open" {
		object["url"] = s.URL + "/pay/" + c.ID
	}
	return object
}

func (s *Stripe) createCustomer(r *http.Request) (map[string]any, *refusal) {
	c := &Customer{ID: s.id("cus"), Email: r.Form.Get("email"), Account: r.Form.Get("metadata[specter_account]")}
	s.customers[c.ID] = c
	s.happened("customer.created", s.customerObject(c))
	return s.customerObject(c), nil
}

func (s *Stripe) getCustomer(r *http.Request) (map[string]any, *refusal) {
	c, ok := s.customers[r.PathValue("id")]
	if !ok {
		return nil, missing
	}
	return s.customerObject(c), nil
}

func (s *Stripe) updateCustomer(r *http.Request) (map[string]any, *refusal) {
	c, ok := s.customers[r.PathValue("id")]
	if !ok || c.Deleted {
		return nil, missing
	}
	if r.Form.Has("email") {
		if s.noEmails {
			return nil, &refusal{http.StatusBadRequest, "invalid_request_error", "email_invalid"}
		}
		c.Email = r.Form.Get("email")
	}
	s.happened("customer.updated", s.customerObject(c))
	return s.customerObject(c), nil
}

func (s *Stripe) removeCustomer(r *http.Request) (map[string]any, *refusal) {
	if !s.deleteCustomer(r.PathValue("id")) {
		return nil, missing
	}
	return map[string]any{"id": r.PathValue("id"), "object": "customer", "deleted": true}, nil
}

func (s *Stripe) listSubscriptions(r *http.Request) (map[string]any, *refusal) {
	var items []any
	for _, sub := range sorted(s.subscriptions, func(c *Subscription) string { return c.ID }) {
		if sub.Customer == r.Form.Get("customer") && sub.Status != "canceled" {
			items = append(items, s.subscriptionObject(&sub))
		}
	}
	return list(r.URL.Path, items), nil
}

func (s *Stripe) updateSubscription(r *http.Request) (map[string]any, *refusal) {
	sub, ok := s.subscriptions[r.PathValue("id")]
	if !ok || sub.Over() {
		return nil, missing
	}
	if r.Form.Has("cancel_at_period_end") {
		sub.EndsWithPeriod = r.Form.Get("cancel_at_period_end") == "true"
	}
	for name := range r.Form {
		key, found := strings.CutPrefix(strings.TrimSuffix(name, "]"), "metadata[")
		switch {
		case !found:
		case r.Form.Get(name) == "":
			delete(sub.Metadata, key)
		default:
			sub.Metadata[key] = r.Form.Get(name)
		}
	}
	s.changed(sub)
	return s.subscriptionObject(sub), nil
}

func (s *Stripe) cancelSubscription(r *http.Request) (map[string]any, *refusal) {
	sub, ok := s.subscriptions[r.PathValue("id")]
	if !ok || sub.Over() {
		return nil, missing
	}
	sub.Status = "canceled"
	s.changed(sub)
	return s.subscriptionObject(sub), nil
}

func (s *Stripe) listSessions(r *http.Request) (map[string]any, *refusal) {
	all := sorted(s.sessions, func(c *Session) string { return c.ID })
	var items []any
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Customer == r.Form.Get("customer") {
			items = append(items, s.sessionObject(&all[i]))
		}
	}
	limit, err := strconv.Atoi(r.Form.Get("limit"))
	if err == nil && limit < len(items) {
		items = items[:limit]
	}
	return list(r.URL.Path, items), nil
}

func (s *Stripe) createSession(r *http.Request) (map[string]any, *refusal) {
	c, ok := s.customers[r.Form.Get("customer")]
	if !ok || c.Deleted {
		return nil, &refusal{http.StatusBadRequest, "invalid_request_error", "resource_missing"}
	}
	if r.Form.Get("mode") != "subscription" || r.Form.Get("success_url") == "" || r.Form.Get("line_items[0][quantity]") != "1" {
		return nil, invalid
	}
	now := s.now().Truncate(time.Second)
	session := &Session{
		ID: s.id("cs"), Customer: c.ID, Price: r.Form.Get("line_items[0][price]"), Status: "open", Created: now, ExpiresAt: now.Add(24 * time.Hour),
		SuccessURL: r.Form.Get("success_url"), CancelURL: r.Form.Get("cancel_url"),
	}
	s.sessions[session.ID] = session
	return s.sessionObject(session), nil
}

func (s *Stripe) expireSession(r *http.Request) (map[string]any, *refusal) {
	c, ok := s.sessions[r.PathValue("id")]
	switch {
	case !ok:
		return nil, missing
	case c.Status != "open":
		return nil, invalid
	}
	c.Status = "expired"
	s.happened("checkout.session.expired", s.sessionObject(c))
	return s.sessionObject(c), nil
}

func (s *Stripe) createPortal(r *http.Request) (map[string]any, *refusal) {
	c, ok := s.customers[r.Form.Get("customer")]
	if !ok || c.Deleted {
		return nil, missing
	}
	return map[string]any{"id": s.id("bps"), "object": "billing_portal.session", "url": s.URL + "/portal/" + c.ID, "return_url": r.Form.Get("return_url")}, nil
}

func (s *Stripe) getPrice(r *http.Request) (map[string]any, *refusal) {
	if _, ok := s.prices[r.PathValue("id")]; !ok {
		return nil, missing
	}
	return s.priceObject(r.PathValue("id")), nil
}

func (s *Stripe) listPrices(r *http.Request) (map[string]any, *refusal) {
	var items []any
	for id := range s.prices {
		items = append(items, s.priceObject(id))
	}
	return list(r.URL.Path, items), nil
}

// payPage stands in for the page on which people pay.
func (s *Stripe) payPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Pay</title><form method="post" action="/pay/%s"><button>Pay</button></form></html>`, html.EscapeString(r.PathValue("id")))
}

func (s *Stripe) pay(w http.ResponseWriter, r *http.Request) {
	if !s.Complete(r.PathValue("id")) {
		http.Error(w, "not open", http.StatusGone)
		return
	}
	s.mu.Lock()
	to := s.sessions[r.PathValue("id")].SuccessURL
	s.mu.Unlock()
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Stripe) portalPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><html lang="en"><title>Portal</title><h1>Portal</h1></html>`)
}
