package export

import (
	"regexp"
	"slices"
)

// Table is a table of accounts that is exported.
type Table struct {
	Name  string
	About string // one sentence, for people
	// Since is the column that says when a row came: later ones are left out. Without one, rows go in
	// as they are when they are read.
	Since string
	// Omit are columns that nobody is shown: secrets, also sealed or hashed.
	Omit []string
	// Keep are columns that are named like secrets and are none.
	Keep []string
	// Text are columns of bytes that hold text.
	Text []string
}

// Signals are read through the view of that name and come last, for they are the most.
const Signals = "signals"

// Contents are the tables that go into an archive, in its order.
func Contents() []Table {
	return []Table{
		{Name: "accounts", About: "The account: e-mail address, plan, limits.", Since: "created_at"},
		{Name: "products", About: "Products that send signals.", Since: "created_at"},
		{Name: "contexts", About: "Contexts: areas of a product, with their positive and negative signal types.", Since: "created_at"},
		{Name: "api_keys", About: "Ingest keys, by their hints.", Since: "created_at", Omit: []string{"key_hash", "key_sealed"}},
		{Name: "access_tokens", About: "Personal access tokens, by their hints, with scopes.", Since: "created_at", Omit: []string{"token_hash"}},
		{
			Name: "web_sessions", About: "Sessions of browsers that signed in.", Since: "created_at",
			Omit: []string{"session_hash", "csrf_token", "refresh_token_sealed"},
		},
		{Name: "webhook_endpoints", About: "Webhook endpoints.", Since: "created_at", Omit: []string{"secret_sealed", "previous_secret_sealed"}},
		{Name: "endpoint_states", About: "How each webhook endpoint has been answering."},
		{Name: "deliveries", About: "Webhooks that were sent in the last 30 days, with their bodies.", Since: "created_at", Text: []string{"body"}},
		{Name: "delivery_attempts", About: "Each attempt to deliver a webhook.", Since: "at"},
		{Name: "imports", About: "History that was brought in.", Since: "created_at"},
		{Name: "product_activity", About: "When each product's signals came, and how many."},
		{Name: "ingest_refusals", About: "Signals that were refused in the last 90 days, by hour and reason.", Since: "hour"},
		{Name: "ingest_refusal_samples", About: "A few refused signals of the last 7 days, redacted.", Since: "at"},
		{Name: "signal_counts", About: "Signals that were accepted and stored, by the month in which they came."},
		{Name: "quota_notices", About: "Notices that a monthly limit was near or reached.", Since: "at"},
		{Name: "analyses", About: "Analyses of contexts, and what each came to.", Since: "started_at"},
		{Name: "analysis_counts", About: "How often each context was analysed on its last day with an analysis."},
		{Name: "findings", About: "What the analyses found wrong, with the evidence.", Since: "detected_at"},
		{Name: "proposals", About: "Proposals, as they were written.", Since: "created_at", Keep: []string{"content_hash"}},
		{Name: "proposal_edits", About: "What people wrote in the place of a proposal's text.", Since: "edited_at"},
		{Name: "proposal_decisions", About: "What people decided about proposals.", Since: "decided_at", Keep: []string{"content_hash"}},
		{Name: "proposal_skips", About: "Findings that became no proposal, because of what was rejected before.", Since: "created_at"},
		{Name: "deployments", About: "Deployments of what was approved.", Since: "created_at"},
		{Name: "deployment_shares", About: "How much of the traffic got a change, from when on.", Since: "reported_at"},
		{
			Name: "deploy_hooks", About: "The address that pipelines and GitHub tell deployments to, without its secrets.",
			Omit: []string{"token_hash", "old_token_hash", "github_secret_sealed", "old_github_secret_sealed"},
		},
		{Name: "deploy_receipts", About: "What pipelines and GitHub told, and what became of it.", Since: "received_at"},
		{Name: "change_commits", About: "Commits that hold a proposal's change.", Since: "merged_at"},
		{Name: "verifications", About: "Before/after tests: the plan and the verdict.", Since: "registered_at"},
		{Name: "verification_plans", About: "Later plans of a test, with the reason.", Since: "registered_at"},
		{Name: "verification_looks", About: "Each look at a test, as it was at its time, with its inputs.", Since: "created_at"},
		{Name: "proof_shares", About: "Links to proof pages, by their hints.", Since: "created_at", Omit: []string{"token_hash"}},
		{Name: "llm_spending", About: "What was spent on a language model, by day."},
		{Name: "audit_log", About: "Who did what and when; each entry has the hash of the one before.", Since: "at", Keep: []string{"prev_hash", "hash"}},
		{Name: "billing_accounts", About: "The subscription, as Stripe last told; card data is at Stripe alone.", Since: "created_at"},
		{Name: "exports", About: "Exports that were asked for.", Since: "requested_at"},
		{Name: "deletions", About: "Deletions of the account that were asked for.", Since: "requested_at"},
		{Name: "rollup_hourly", About: "Signals per context, type and hour.", Since: "hour"},
		{Name: "rollup_dimension_hourly", About: "Signals per context, type, dimension, value and hour.", Since: "hour"},
		{Name: "rollup_funnel_hourly", About: "Sampled sessions per step of a funnel and hour.", Since: "hour"},
		{Name: Signals, About: "Every stored signal, with its payload as it is stored.", Since: "received_at"},
	}
}

// LeftOut are the tables of accounts that no archive has, and why.
func LeftOut() map[string]string {
	return map[string]string{
		"signal_blocks":    "The signals themselves are exported, one a row, as the table signals.",
		"signal_ids":       "Ids of the signals of the last days, kept to count none twice; the signals are exported.",
		"imported_ids":     "Ids of imported signals, kept to count none twice; the signals are exported.",
		"session_samples":  "A random sample that was computed from the signals, for the analyses; it holds no session's id.",
		"billing_events":   "Ids of what Stripe told in the last 30 days, kept so that nothing has its effect twice.",
		"analysis_queue":   "Which contexts wait for their next analysis; of no use elsewhere.",
		"idempotency_keys": "Answers kept for 24 hours to repeat them; what they tell of is exported.",
		"export_builds":    "How far an export is; the manifest says what came of this one.",
		"export_entries":   "The list of an archive's files; the manifest is made of it.",
		"export_chunks":    "The bytes of archives.",
	}
}

var secretName = regexp.MustCompile(`(?:^|_)(?:hash|sealed|secret|password|token)$`)

// Shows tells whether a column is exported. One whose name is that of a secret is not, even when
// nobody thought of it.
func (t Table) Shows(column string) bool {
	if slices.Contains(t.Omit, column) {
		return false
	}
	return slices.Contains(t.Keep, column) || !secretName.MatchString(column)
}
