// Package dashboard is what people, the command line and agents talk to: the API of
// proto/openapi/dashboard.v1.yaml and the web app.
//
// Consumes: account.purge_begun, to have the auth server and billing forget the owner; ingest.refused, to show what
// gateways refused; keys.used, to show when keys were used last; proposal.created, proposal.updated, proposal.expired and the verdicts of
// deployments, and endpoint.disabled, for the audit log; and gateways' use of monthly limits, which it keeps in line with what is stored. Everything else it reads from what the others wrote, under row-level security,
// and for one signal's receipt from the queue.
//
// Produces: proposal.approved, proposal.rejected, proposal.snoozed, proposal.duplicated,
// proposal.edited, proposal.rewrite_requested, proposal.reopened (a decision was undone, or a snooze is over), deployment.created,
// deployment.deployed, deployment.edited, deployment.cancelled, deployment.rolled_back, analysis.requested,
// import.completed, endpoint.tested, endpoint.recovery_requested, delivery.resend_requested,
// quota.warning, quota.exceeded, account.deletion_scheduled, account.deletion_cancelled, account.forgotten, export.requested, export.deleted;
// signal.batch for imported history; and the gateway's catalogue (keys, products, accounts),
// which it makes anew at start when the broker has lost it.
//
// Stores: plans, accounts, web_sessions, access_tokens, products, contexts, api_keys,
// proposal_decisions, proposal_edits, deployments, deployment_shares, change_commits, deploy_hooks, deploy_receipts,
// webhook_endpoints, imports, idempotency_keys, audit_log,
// ingest_refusals, ingest_refusal_samples, quota_notices, proof_shares, exports, billing_accounts, billing_events, billing_farewells;
// and the timers of snoozes, of mailed notices and of comparing accounts with Stripe in schema river_dashboard.
//
// Promises: a change, its audit row, its events and its catalogue entries are one transaction;
// another account's id answers exactly as one that does not exist; ingest keys read nothing;
// what pipelines and GitHub tell has its effect once, and leaves a receipt that says why;
// whoever holds a link to a proof page reads that page and nothing else, until the link is revoked or expires;
// an import is acknowledged only when the broker has it on disk; an account's plan is what it pays for at Stripe,
// whatever becomes of webhooks, unless the operator says otherwise; the e-mail address and password of
// a deleted account's owner go from the auth server too, however long it takes to reach it.
package dashboard
