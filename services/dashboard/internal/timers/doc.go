// Package timers wakes proposals whose snooze is over, so that somebody hears of it, mails notices of monthly limits and
// of plans that became smaller, and has accounts compared with Stripe.
package timers
