// Package hook takes what a product's pipelines and its GitHub repository report: what they say is read into one form, a
// Notice, matched with the product's deployments, and kept as a receipt, so that a person can see why it matched nothing.
//
//	pipeline ──▶ /api/hooks/deploy/<token>    ─┐            ┌─▶ matched     a deployment took a step
//	                                           ├─▶ Notice ──┼─▶ unchanged   it had taken it already
//	GitHub ────▶ /api/hooks/github/<product>  ─┘            ├─▶ linked      a commit holds a change now
//	             (signed)                                   ├─▶ unmatched   nothing planned was named
//	                                                        └─▶ ignored     it does not count here
//
// The steps themselves are package deployment's; both ways lead through its rules. A pull request that is merged is not
// deployed: it tells which commit holds a proposal's change (named by a Specter-Proposal trailer), and what later ships
// that commit ships the change. Whatever comes twice has its effect once: of GitHub's deliveries by their id and by their
// body (the id is not signed), of a pipeline's reports by the state of what they name, and by commit and version where
// they name everything.
package hook
