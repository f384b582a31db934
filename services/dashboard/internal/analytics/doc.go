// Package analytics decides whether the use of the dashboard is measured and what is told of it. It is
// off unless the operator sets SPECTER_POSTHOG_HOST; an account can turn it off for itself, and so can
// each browser that asks not to be tracked.
//
// What is told is that a page was opened, by its pattern ("/p/:product/proposals"): a pattern has
// neither digits nor spaces, so that no id, name, signal or text can be in it. A visit is a random
// number that a tab forgets when it is closed; it says nothing of the person or the account.
package analytics
