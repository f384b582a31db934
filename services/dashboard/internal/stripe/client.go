package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	api "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
)

const (
	// requestTimeout bounds one request. The library sends it again, with the same idempotency key, at most retries times.
	requestTimeout = 10 * time.Second
	retries        = 2
	pageSize       = 100
	// maxSubscriptions of one customer are looked at; one is all that an account should have.
	maxSubscriptions = 300
	// recentCheckouts are enough to find the open one.
	recentCheckouts = 20

	// What we write beside Stripe's objects.
	metaAccount  = "specter_account"
	metaDeletion = "specter_deletion"
)

// Client is the billing.Stripe.
type Client struct {
	api  *client.API
	http *http.Client
}

var _ billing.Stripe = (*Client)(nil)

// New returns a Client with a secret or restricted key. base is where Stripe's API is; "" is Stripe's own.
func New(key, base string) *Client {
	c := &Client{http: &http.Client{Timeout: requestTimeout, Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	config := &api.BackendConfig{
		HTTPClient: c.http, MaxNetworkRetries: api.Int64(retries), EnableTelemetry: api.Bool(false),
		LeveledLogger: &api.LeveledLogger{Level: api.LevelNull}, // errors are returned, and logged once, by us
	}
	if base != "" {
		config.URL = api.String(strings.TrimSuffix(base, "/"))
	}
	c.api = client.New(key, &api.Backends{
		API: api.GetBackendWithConfig(api.APIBackend, config), Connect: api.GetBackendWithConfig(api.ConnectBackend, config), Uploads: api.GetBackendWithConfig(api.UploadsBackend, config),
	})
	return c
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func params(ctx context.Context, key string) api.Params {
	p := api.Params{Context: ctx}
	if key != "" {
		p.IdempotencyKey = api.String(key)
	}
	return p
}

// CreateCustomer implements billing.Stripe. The e-mail address is told later: with the same key everything must be
// the same.
func (c *Client) CreateCustomer(ctx context.Context, key string, account uuid.UUID) (string, error) {
	made, err := c.api.Customers.New(&api.CustomerParams{Params: params(ctx, key), Metadata: map[string]string{metaAccount: account.String()}})
	if err != nil {
		return "", failed(err, "making a customer")
	}
	return made.ID, nil
}

// SetEmail implements billing.Stripe.
func (c *Client) SetEmail(ctx context.Context, customer, email string) error {
	_, err := c.api.Customers.Update(customer, &api.CustomerParams{Params: params(ctx, ""), Email: api.String(email)})
	return failed(err, "telling a customer's e-mail address")
}

// DeleteCustomer implements billing.Stripe.
func (c *Client) DeleteCustomer(ctx context.Context, customer string) error {
	_, err := c.api.Customers.Del(customer, &api.CustomerParams{Params: params(ctx, "")})
	return failed(err, "deleting a customer")
}

// Read implements billing.Stripe.
func (c *Client) Read(ctx context.Context, id string) (billing.Customer, error) {
	customer, err := c.api.Customers.Get(id, &api.CustomerParams{Params: params(ctx, "")})
	err = failed(err, "reading a customer")
	if fault.Is(err, fault.NotFound) || (err == nil && customer.Deleted) {
		return billing.Customer{Gone: true}, nil
	}
	if err != nil {
		return billing.Customer{}, err
	}
	out := billing.Customer{Email: customer.Email}
	list := &api.SubscriptionListParams{Customer: api.String(id), Expand: []*string{api.String("data.latest_invoice")}}
	list.Context, list.Limit = ctx, api.Int64(pageSize)
	found := c.api.Subscriptions.List(list)
	for found.Next() {
		if len(out.Subscriptions) == maxSubscriptions {
			return billing.Customer{}, fmt.Errorf("customer %s has more than %d subscriptions", id, maxSubscriptions)
		}
		out.Subscriptions = append(out.Subscriptions, toSubscription(found.Subscription()))
	}
	return out, failed(found.Err(), "reading a customer's subscriptions")
}

func toSubscription(s *api.Subscription) billing.Subscription {
	out := billing.Subscription{
		ID: s.ID, Status: billing.Status(s.Status), StartedAt: at(s.Created), PeriodEnd: at(s.CurrentPeriodEnd), EndsWithPeriod: s.CancelAtPeriodEnd,
		InvoicedAt: at(s.CurrentPeriodStart),
	}
	if s.CancelAt > 0 { // on a day of its own: it ends then
		out.EndsWithPeriod, out.PeriodEnd = true, at(s.CancelAt)
	}
	if s.TrialEnd > 0 {
		end := at(s.TrialEnd)
		out.TrialEnd = &end
	}
	if s.LatestInvoice != nil && s.LatestInvoice.Created > 0 {
		out.InvoicedAt = at(s.LatestInvoice.Created)
	}
	if id, err := uuid.Parse(s.Metadata[metaDeletion]); err == nil {
		out.Deletion = id
	}
	if s.Items == nil {
		return out
	}
	for _, item := range s.Items.Data {
		switch {
		case item.Price == nil:
		case out.Price == "":
			out.Price = item.Price.ID
		default:
			out.OtherPrices = append(out.OtherPrices, item.Price.ID)
		}
	}
	return out
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// Cancel implements billing.Stripe. What was paid for and not used becomes a credit of the customer.
func (c *Client) Cancel(ctx context.Context, subscription string) error {
	_, err := c.api.Subscriptions.Cancel(subscription, &api.SubscriptionCancelParams{Params: params(ctx, ""), Prorate: api.Bool(true)})
	return failed(err, "cancelling a subscription")
}

// EndWithPeriod implements billing.Stripe.
func (c *Client) EndWithPeriod(ctx context.Context, subscription string, deletion uuid.UUID) error {
	return c.update(ctx, subscription, true, deletion.String())
}

// GoOn implements billing.Stripe.
func (c *Client) GoOn(ctx context.Context, subscription string) error {
	return c.update(ctx, subscription, false, "") // an empty value removes the note
}

func (c *Client) update(ctx context.Context, subscription string, ends bool, note string) error {
	_, err := c.api.Subscriptions.Update(subscription, &api.SubscriptionParams{
		Params: params(ctx, ""), CancelAtPeriodEnd: api.Bool(ends), Metadata: map[string]string{metaDeletion: note},
	})
	return failed(err, "changing when a subscription ends")
}

// Checkouts implements billing.Stripe.
func (c *Client) Checkouts(ctx context.Context, customer string) ([]billing.Checkout, error) {
	list := &api.CheckoutSessionListParams{Customer: api.String(customer), Expand: []*string{api.String("data.line_items")}}
	list.Context, list.Limit, list.Single = ctx, api.Int64(recentCheckouts), true
	found := c.api.CheckoutSessions.List(list)
	var out []billing.Checkout
	for found.Next() {
		out = append(out, toCheckout(found.CheckoutSession()))
	}
	return out, failed(found.Err(), "reading a customer's checkouts")
}

func toCheckout(s *api.CheckoutSession) billing.Checkout {
	out := billing.Checkout{ID: s.ID, Open: s.Status == api.CheckoutSessionStatusOpen, URL: s.URL, ExpiresAt: at(s.ExpiresAt)}
	if s.LineItems != nil && len(s.LineItems.Data) > 0 && s.LineItems.Data[0].Price != nil {
		out.Price = s.LineItems.Data[0].Price.ID
	}
	return out
}

// OpenCheckout implements billing.Stripe.
func (c *Client) OpenCheckout(ctx context.Context, key string, n billing.NewCheckout) (billing.Checkout, error) {
	made, err := c.api.CheckoutSessions.New(&api.CheckoutSessionParams{
		Params: params(ctx, key), Mode: api.String(string(api.CheckoutSessionModeSubscription)), Customer: api.String(n.Customer),
		ClientReferenceID: api.String(n.Account.String()),
		LineItems:         []*api.CheckoutSessionLineItemParams{{Price: api.String(n.Price), Quantity: api.Int64(1)}},
		SubscriptionData:  &api.CheckoutSessionSubscriptionDataParams{Metadata: map[string]string{metaAccount: n.Account.String()}},
		SuccessURL:        api.String(n.SuccessURL), CancelURL: api.String(n.BackURL),
	})
	if err != nil {
		return billing.Checkout{}, failed(err, "opening a checkout")
	}
	return toCheckout(made), nil
}

// ExpireCheckout implements billing.Stripe. One that is complete or has expired is as good.
func (c *Client) ExpireCheckout(ctx context.Context, checkout string) error {
	_, err := c.api.CheckoutSessions.Expire(checkout, &api.CheckoutSessionExpireParams{Params: params(ctx, "")})
	var refused *api.Error
	if errors.As(err, &refused) && refused.HTTPStatusCode == http.StatusBadRequest {
		return nil
	}
	return failed(err, "expiring a checkout")
}

// Portal implements billing.Stripe.
func (c *Client) Portal(ctx context.Context, customer, returnURL string) (string, error) {
	made, err := c.api.BillingPortalSessions.New(&api.BillingPortalSessionParams{Params: params(ctx, ""), Customer: api.String(customer), ReturnURL: api.String(returnURL)})
	if err != nil {
		return "", failed(err, "opening the billing portal")
	}
	return made.URL, nil
}

// Price implements billing.Stripe.
func (c *Client) Price(ctx context.Context, id string) (billing.Price, error) {
	p, err := c.api.Prices.Get(id, &api.PriceParams{Params: params(ctx, "")})
	if err != nil {
		return billing.Price{}, failed(err, "reading a price")
	}
	out := billing.Price{ID: p.ID, Active: p.Active && p.Recurring != nil, Currency: string(p.Currency)}
	if p.BillingScheme == api.PriceBillingSchemePerUnit {
		out.Amount = api.Int64(p.UnitAmount)
	}
	if p.Recurring != nil {
		out.Interval, out.Every = string(p.Recurring.Interval), int(p.Recurring.IntervalCount)
	}
	return out, nil
}

// Probe asks whether the key is good, and which of the prices Stripe does not know.
func (c *Client) Probe(ctx context.Context, prices []string) (missing []string, err error) {
	list := &api.PriceListParams{}
	list.Context, list.Limit, list.Single = ctx, api.Int64(1), true
	if err := failed(c.api.Prices.List(list).Err(), "asking Stripe"); err != nil { // it has asked for the first page by now
		return nil, err
	}
	for _, id := range prices {
		if _, err := c.Price(ctx, id); fault.Is(err, fault.NotFound) {
			missing = append(missing, id)
		} else if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// failed gives an error of Stripe's a meaning. Its text says which request, and never with what.
func failed(err error, doing string) error {
	if err == nil {
		return nil
	}
	var refused *api.Error
	if !errors.As(err, &refused) {
		return fault.Wrap(fmt.Errorf("%s: %w", doing, err), fault.Unavailable, "unavailable", "Stripe cannot be reached. Try again in a while.")
	}
	cause := fmt.Errorf("%s: Stripe answered %d %s %s (request %s)", doing, refused.HTTPStatusCode, refused.Type, refused.Code, refused.RequestID)
	switch {
	case refused.HTTPStatusCode == http.StatusNotFound, refused.Code == api.ErrorCodeResourceMissing:
		return fault.Wrap(cause, fault.NotFound, "not_found", "Stripe does not know it.")
	case refused.Type == api.ErrorTypeIdempotency: // somebody asks for the same at the same moment, in other words
		return fault.Wrap(cause, fault.Unavailable, "unavailable", "This is under way already. Try again in a moment.")
	case refused.HTTPStatusCode == http.StatusTooManyRequests, refused.HTTPStatusCode == http.StatusConflict, refused.HTTPStatusCode >= http.StatusInternalServerError:
		return fault.Wrap(cause, fault.Unavailable, "unavailable", "Stripe cannot answer now. Try again in a while.")
	default:
		return cause // the operator's to look at: a key that is not good, a portal that is not set up
	}
}
