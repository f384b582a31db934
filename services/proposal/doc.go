// Package proposal turns what the analyzer found into proposals that a person can decide on.
//
// Consumes: finding.opened and finding.renewed (a deployment that regressed arrives as such a finding too and links back to it);
// proposal.rewrite_requested.
//
// Produces: proposal.created, proposal.updated, proposal.expired.
//
// Stores: proposals, proposal_skips and llm_spending (only writer), its outbox and inbox, and its timers in schema
// river_proposal. Reads contexts, findings, deployments, verifications and proposal_decisions.
//
// Promises:
//   - one open proposal for one matter: further evidence of the same thing at the same place is absorbed by the proposal
//     that waits, instead of becoming a twin; a decided one is never changed again, and what comes after it links back;
//   - what a person rejected damps what is like it, for a while and by its reason; the finding stays visible and says so;
//   - every number and every name in a proposal's text occurs in the finding's evidence, or the proposal is not written;
//   - a language model writes only where one is configured, gets redacted aggregates and no more than its budget, and is
//     replaced by the built-in engine when it fails, which the proposal then says;
//   - the predicted impact is a counterfactual with an 80 % range, shrunk by what such predictions have been worth;
//   - an event that is delivered twice has one effect; a proposal and its event are one transaction;
//   - a proposal nobody decided expires when its evidence is 30 days old.
//
// The life of a finding here: internal/consume reads the event → internal/proposal computes, lets an engine write the text
// and checks it → internal/postgres stores it with its event and its expiry timer → internal/timers expires it.
package proposal
