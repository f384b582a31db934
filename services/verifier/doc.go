// Package verifier proves whether a deployment helped: it pre-registers a before/after test when something is reported
// as deployed, takes the planned looks as days of data become complete, and publishes the verdict.
//
// Consumes: deployment.deployed, deployment.edited, deployment.rolled_back, deployment.cancelled.
//
// Produces: deployment.verified (improved or no effect), deployment.regressed, deployment.inconclusive.
//
// Stores: verifications, verification_plans, verification_looks (only writer), its outbox and inbox, and its timers in
// schema river_verifier. Reads rollup_hourly, rollup_dimension_hourly, rollup_funnel_hourly, deployments, products,
// contexts, proposals, findings and ingest_refusals.
//
// Promises:
//   - the plan of a test is stored before anything after the deployment is read, and never changes: what is measured and
//     why, windows, looks and their boundaries, thresholds, control contexts and the rule that chose them, the predicted
//     range; when the deployment's time is edited while the test collects there is a later plan, and the old one stays;
//   - a look is stored with everything it was computed from, and the same inputs give the same bytes;
//   - a look reads nothing later than the end of its own day, whenever it runs, so history gives the verdicts it would
//     have given at its time;
//   - one deployment gets one verification and at most one verdict, whose event leaves in the verdict's transaction,
//     whatever crashes, is delivered twice or runs at once; the database refuses to change a verdict;
//   - there is no verdict on nothing: not without traffic, below the minimums, on days that stand out or on which signals were
//     refused, where another deployment shipped or the deployment changed what is counted; after SPECTER_VERIFY_DAYS it ends inconclusive with
//     what would settle it;
//   - every result carries its interval at the level of its look, the raw counts and the smallest effect that could have
//     been found, and says what stands in the way when there is no verdict.
//
// The method is in pkg/pcf, the life of a test in internal/verification.
package verifier
