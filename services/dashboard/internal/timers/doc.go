// Package timers wakes proposals whose snooze is over, so that somebody hears of it, mails notices of monthly limits, and
// has accounts compared with Stripe.
package timers
