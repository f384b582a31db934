package httpapi

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/plan"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
)

// receiveStripeEvent answers POST /api/hooks/stripe.
func (a *api) receiveStripeEvent(c echo.Context) error {
	r := c.Request()
	body, err := wholeBody(r, billing.MaxEvent)
	if err != nil {
		return err
	}
	outcome, err := a.Billing.Receive(r.Context(), r.Header.Get("Stripe-Signature"), body)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, contract.StripeEventAnswer{Outcome: contract.StripeEventAnswerOutcome(outcome)})
}

// GetBilling answers GET /api/v1/billing.
func (a *api) GetBilling(ctx context.Context, _ contract.GetBillingRequestObject) (contract.GetBillingResponseObject, error) {
	o, err := a.Billing.Overview(ctx, principal(ctx).Account)
	if err != nil {
		return nil, err
	}
	offers, _ := each(o.Offers, plain(toOffer))
	return contract.GetBilling200JSONResponse{
		Enabled: o.On, Plan: o.Plan.Name, PlanTitle: o.Plan.Title, Managed: o.Managed, Offers: offers, Subscription: toBillingSubscription(o), AskedAt: utc(o.SettledAt),
	}, nil
}

func toOffer(o billing.Offer) contract.PlanOffer {
	prices, _ := each(o.Prices, plain(func(p billing.Price) contract.PlanPrice {
		return contract.PlanPrice{Id: p.ID, Currency: p.Currency, Amount: p.Amount, Interval: p.Interval, Every: p.Every}
	}))
	return contract.PlanOffer{Name: o.Plan.Name, Title: o.Plan.Title, Limits: toPlanLimits(o.Plan.Limits), Prices: prices}
}

func toPlanLimits(l plan.Limits) contract.PlanLimits {
	return contract.PlanLimits{
		SignalsPerMonth: optional(l.SignalsPerMonth), Products: optional(l.Products), Contexts: optional(l.Contexts), AnalysesPerDay: optional(l.AnalysesPerDay),
		WebhookEndpoints: optional(l.WebhookEndpoints), RetentionMonths: l.Retention(),
	}
}

func toBillingSubscription(o billing.Overview) *contract.Subscription {
	s := o.Subscription
	if s == nil {
		return nil
	}
	return &contract.Subscription{
		Status: string(s.Status), Price: s.Price, PeriodEndsAt: s.PeriodEnd.UTC(), EndsWithPeriod: s.EndsWithPeriod, TrialEndsAt: utc(s.TrialEnd),
		PastDueSince: utc(o.PastDueSince), GraceEndsAt: utc(o.GraceEnds),
	}
}

// OpenCheckout answers POST /api/v1/billing/checkout.
func (a *api) OpenCheckout(ctx context.Context, r contract.OpenCheckoutRequestObject) (contract.OpenCheckoutResponseObject, error) {
	url, err := a.Billing.Checkout(ctx, who(ctx), r.Body.Price, value(r.Body.ProductId))
	if err != nil {
		return nil, err
	}
	return contract.OpenCheckout200JSONResponse{Url: url}, nil
}

// OpenBillingPortal answers POST /api/v1/billing/portal.
func (a *api) OpenBillingPortal(ctx context.Context, r contract.OpenBillingPortalRequestObject) (contract.OpenBillingPortalResponseObject, error) {
	url, err := a.Billing.Portal(ctx, who(ctx), value(r.Body.ProductId))
	if err != nil {
		return nil, err
	}
	return contract.OpenBillingPortal200JSONResponse{Url: url}, nil
}
