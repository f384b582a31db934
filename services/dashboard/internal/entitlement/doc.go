// Package entitlement is what accounts may use: what their plan gives them, and where the operator
// of the instance says otherwise.
//
//	sign-up, billing ──▶ assigned plan ──┐
//	operator ──▶ plan, limits ───────────┴─▶ in force ──▶ gateways, analyzer, API, retention
//
// The operator's word wins, and taking it back brings back what was said before. A changed book of
// plans takes effect when the dashboard starts, for every account.
package entitlement
