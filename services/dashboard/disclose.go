package dashboard

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/draftlabs/specter/pkg/disclosure"
	"github.com/draftlabs/specter/pkg/mail"

	"github.com/draftlabs/specter/services/dashboard/internal/httpapi"
	"github.com/draftlabs/specter/services/dashboard/internal/privacy"
)

// discloses is what the page /privacy says of the dashboard's own settings.
func (c Config) discloses() privacy.Own {
	own := privacy.Own{
		Operator: c.Operator, Contact: c.Contact, Grace: c.DeletionGrace, Analytics: c.PostHogHost != "",
		Cookies: httpapi.Cookies(c.Egress.PublicURL),
	}
	if c.Mail.Keeps() {
		own.Kept = append(own.Kept, privacy.Kept{What: mail.Kept, Days: disclosure.Days(mail.SpoolAge)})
	}
	if host, elsewhere := c.away(c.AuthURL); elsewhere {
		own.Recipients = append(own.Recipients, privacy.Recipient{
			Name: "Supabase Auth", Host: host, Purpose: "signs people in",
			Receives: "the e-mail address and password of people with an account, and when they sign in",
		})
	}
	if c.Stripe.Key != "" {
		own.Recipients = append(own.Recipients, privacy.Recipient{
			Name: "Stripe", Host: "stripe.com", Purpose: "takes payments for plans",
			Receives: "the e-mail address of people who open a checkout, and what they tell Stripe on its own pages; this server never sees a card",
		})
	}
	if host, elsewhere := c.away(c.Mail.SMTPURL); elsewhere {
		own.Recipients = append(own.Recipients, privacy.Recipient{
			Name: "A mail server", Host: host, Purpose: "delivers mail about accounts",
			Receives: "the e-mail address of people with an account, and the mails to them: links to sign in, notices of limits, of exports and of deletions",
		})
	}
	if host, _ := c.away(c.PostHogHost); host != "" {
		own.Recipients = append(own.Recipients, privacy.Recipient{
			Name: "PostHog", Host: host, Purpose: "measures which pages of this dashboard are opened",
			Receives: "the kind of page and a random number that a browser tab forgets; never anything of signals, products or people",
		})
	}
	return own
}

// away reads a URL's host, and whether it is somebody else's: not this server's own public name, not
// a private address, and not a name that only a network of our own knows.
func (c Config) away(text string) (host string, elsewhere bool) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	host = u.Hostname()
	if public, err := url.Parse(c.Egress.PublicURL); err == nil && strings.EqualFold(public.Hostname(), host) {
		return host, false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return host, !addr.IsLoopback() && !addr.IsPrivate()
	}
	return host, strings.Contains(host, ".")
}
