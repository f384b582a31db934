// Package pcf is the placebo-calibrated forecast: the before/after test that decides whether a deployment
// improved or worsened a metric on a live product, where nothing is randomised, series are seasonal and
// autocorrelated, people look early, and changes ship right after bad days.
//
// The idea: forecast the days after the deployment from the days before it with a local-level model, then ask how
// wrong the same forecast was at every earlier date at which nothing happened (the placebos). The effect is judged
// against both the model's own variance and that placebo variance, so a series that wanders by itself needs a
// larger jump before it counts.
//
//	history (≤ 182 days)                              deployment   window (h days)
//	──────────────────────────────────────────────────────┼──────────────────────▶ days
//	 1 log odds of each day       2 weekday effect off     │  6 D = mean(window) − last level
//	 3 outliers clipped           4 local level filtered   │  7 t = D / s on ν degrees of freedom
//	 5 placebo windows: how far is a window from the level before it when nothing happened?
//
// [Forecast] is the estimator, [Judge] adds the decision rules: the spending of the error over several looks
// ([Schedule]), the guard against regression to the mean (with and without the days that triggered the finding), the
// guard against a few days that carry it all (a holiday), the minimums below which no verdict is given, and the warnings
// that go with one. [Run] takes the looks in order, for who has all days at hand.
//
// What is known beside the metric goes in with it ([Input]):
//
//	Controls     series the deployment did not touch; what they share with the metric is taken out (y − β·control)
//	Trigger      the days that led to the finding; a verdict must hold without them, too
//	Predicted    what was promised; the result holds it against what came
//	Known        other deployments and changed instrumentation forbid a verdict; types, holidays, clocks and the mix of
//	             segments warn
//
// and comes out as a [Result]: the verdict or what stands in its way, one [Reading] (effect, interval, probability, MDE,
// expected against observed, day by day), the same reading on other grounds ([Alternative]), the misses of every earlier
// window (Estimate.Placebos), what each control contributed ([ControlUse]), and [Warning]s by code:
//
//	early_read short_history missing_days missing_history    how much there is to go by
//	partial_weeks weekend holiday clock_change               which days are compared
//	volume_shift positive_vanished negative_vanished fell_silent   whether as much came as before
//	trigger_days_matter spike control_moved control_decides  what the readings say of each other
//	another_deployment instrumentation_changed type_vanished type_new mix_shift   what no series tells
//
// The package is pure: no clock, no storage, no randomness. The same input gives the same bytes.
//
// Sources: Brodersen et al. 2015 (AOAS 9) for the counterfactual view, Durbin & Koopman 2012 for the filter, Turner et
// al. 2021 (BMC Med Res Methodol 21) for short interrupted series, Lan & DeMets 1983 for the error spending.
package pcf
