// Package billing keeps an account's plan equal to what it pays for at Stripe.
//
// Nothing is derived from what a webhook says. A webhook, a checkout, the daily look and a deletion all do the same:
// they settle the account, which reads its customer and subscriptions from Stripe, puts right there what must not be,
// and writes what remains. So it does not matter whether webhooks come late, twice, in another order or never.
//
//	take a turn ──▶ read Stripe ──▶ something there to put right? ──yes──▶ do it, and begin again
//	                                   │no
//	                                   ▼
//	           write, if nobody took a turn since; else begin again
//
// A turn is a number that grows. What is written was read after the turn was taken and before the next one was, so
// that an older answer never replaces a newer one.
//
// The subscription that counts, by what Stripe says of it:
//
//	(none) ──checkout──▶ trialing ──▶ active ◀──paid──▶ past_due ──▶ unpaid, canceled
//	  free                 its plan    its plan           its plan until      free
//	                                                      the grace is over,
//	                                                      then free
//
// Of two, the better and older one stays and the other is cancelled at once. While the account's deletion is scheduled
// the subscription is made to end with its period, and made to go on when the deletion is cancelled; when it cannot be
// cancelled any more the customer is deleted at Stripe.
//
// No card, address or amount of a person is kept or logged: the API's objects are reduced to the types of this package.
package billing
