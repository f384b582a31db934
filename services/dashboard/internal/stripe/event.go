package stripe

import (
	"encoding/json"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
)

// tolerance is how old a signature may be.
const tolerance = 300 * time.Second

// Events is the billing.Events: secrets are those of the webhook endpoint, two while one is rolled.
type Events struct{ Secrets []string }

var _ billing.Events = Events{}

// Open implements billing.Events. The API version of an event does not matter: what is read of it is the same in all.
func (e Events) Open(signature string, body []byte) (billing.Event, error) {
	refused := fault.New(fault.Unauthenticated, "invalid_signature", "This is not signed with this server's webhook secret, or too long ago.")
	for _, secret := range e.Secrets {
		err := webhook.ValidatePayloadWithTolerance(body, signature, secret, tolerance)
		if err == nil {
			return parse(body)
		}
		refused.Err = err
	}
	return billing.Event{}, refused
}

var (
	eventID    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	eventType  = regexp.MustCompile(`^[a-z0-9_.]{1,100}$`)
	customerID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
)

// parse reads who an event is about: the customer that its object names, or is.
func parse(body []byte) (billing.Event, error) {
	bad := fault.New(fault.Invalid, "invalid_json", "The body is not an event of Stripe's.")
	if !utf8.Valid(body) {
		return billing.Event{}, bad
	}
	var in struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		Data struct {
			Object struct {
				ID       string          `json:"id"`
				Object   string          `json:"object"`
				Customer json.RawMessage `json:"customer"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		bad.Err = err
		return billing.Event{}, bad
	}
	if !eventID.MatchString(in.ID) || !eventType.MatchString(in.Type) {
		return billing.Event{}, bad
	}
	out := billing.Event{ID: in.ID, Type: in.Type, Customer: customerOf(in.Data.Object.Customer)}
	if in.Data.Object.Object == "customer" {
		out.Customer = in.Data.Object.ID
	}
	if !customerID.MatchString(out.Customer) {
		out.Customer = "" // an object without one
	}
	return out, nil
}

// customerOf reads a customer's id, or that of an expanded customer.
func customerOf(field json.RawMessage) string {
	var id string
	if json.Unmarshal(field, &id) == nil {
		return id
	}
	var expanded struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(field, &expanded) // else there is none
	return expanded.ID
}
