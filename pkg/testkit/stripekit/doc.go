// Package stripekit is a Stripe for tests that remembers: customers, checkouts and subscriptions behind the paths of
// its API, real HTTP, and the webhooks that follow from what happens. Stripe's own stripe-mock checks the form of
// requests and remembers nothing; this one is for what becomes of them.
//
// Every object carries what the real one may carry of a person and their card (Canaries), so that a test can look for
// it wherever it must not be.
package stripekit
