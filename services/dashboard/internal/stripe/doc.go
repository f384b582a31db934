// Package stripe speaks with Stripe, through its own Go library, and reduces what it says to the few fields that
// billing keeps. What else is in an answer or a webhook, a card's last digits or a person's address, goes no further.
package stripe
