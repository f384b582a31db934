// Package account knows who may come in: people with a session in a browser, tokens with scopes,
// and the account that both belong to.
//
// A session:
//
//	sign-up / sign-in ──▶ active ──(7 days unseen, 30 days old, signed out,
//	                        │       or the auth server takes its word back)──▶ ended
//	                        └─ every hour the auth server is asked again (refresh)
//
// An account:
//
//	open ──(deletion asked)──▶ closed: the owner may sign in to cancel or to export, nothing else
//	  ▲                          │
//	  └──────(cancelled)─────────┤
//	                             └──(the grace period later)──▶ Stripe and the auth server forget the owner,
//	                                and retention removes everything
package account
