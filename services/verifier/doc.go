// Package verifier proves whether a deployment helped: it pre-registers a before/after test when something is reported
// as deployed, takes the planned looks as days of data become complete, and publishes the verdict.
//
// Consumes: deployment.deployed, deployment.rolled_back, deployment.cancelled.
//
// Produces: deployment.verified (improved or no effect), deployment.regressed, deployment.inconclusive.
//
// Stores: verifications, verification_looks (only writer), its outbox and inbox, and its timers in schema
// river_verifier. Reads rollup_hourly, deployments, products, contexts, proposals and findings.
//
// Promises:
//   - the plan of a test is stored before anything after the deployment is read, and never changes;
//   - a look reads nothing later than the end of its own day, whenever it runs, so history gives the verdicts it would
//     have given at its time;
//   - one deployment gets one verification and at most one verdict, whose event leaves in the verdict's transaction;
//   - every result carries its interval at the level of its look, the raw counts and the smallest effect that could have
//     been found, and says what stands in the way when there is no verdict.
//
// The method is in pkg/pcf, the life of a test in internal/verification.
package verifier
