// Package posthog passes page views of the dashboard on to PostHog, so that browsers speak to our own
// origin only. It is a reverse proxy with one allowed path; what reaches PostHog is a request of our
// own making: no cookie, no authorization, no address, agent or header of the browser, and a body that
// holds the view and nothing else.
package posthog
