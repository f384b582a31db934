// Package impact predicts what ending a trouble is worth, and learns from how past
// predictions turned out.
//
// A metric is a share; gains are differences of its logit, where a change means the
// same at every level. A prediction starts from a counterfactual (the share now, the
// share had the trouble not been, and how well that is known) and is scaled by the
// calibration of its family: how much of what was predicted has come true so far.
// Before there are verdicts to learn from, predictions are taken to be worth 0.7 of
// their size, as effects that were noticed because they were large tend to be
// (regression to the mean). Design: 3-statistics, "Predicted impact and calibration".
package impact
