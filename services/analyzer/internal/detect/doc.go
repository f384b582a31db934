// Package detect finds, hour by hour, that the share of negative signals of a
// context has become worse, early and without crying wolf.
//
// A Detector is streaming and causal: it sees each hour once, learns only from
// hours it has already judged, and keeps a State of a few kilobytes whatever the
// length of the series. It has three parts.
//
//   - Model (model.go): the logit of the negative share is a local level plus an
//     hour-of-day and an hour-of-week offset. Each part carries its own variance,
//     so a young series leans on the level, then on the day, then on the week.
//     Updates are robust: an innovation counts for at most two standard deviations.
//   - Evidence (evidence.go): the log-likelihood ratio of "the odds of a negative
//     have risen by Δ" under a beta-binomial with learned dispersion, accumulated
//     as CUSUMs for several Δ. It is tempered by everything that makes hours less
//     than independent: the uncertainty of the level and the slow wander seen
//     in the past at 6 hours, a day, three days and a week.
//   - Onset (onset.go): the start by maximum likelihood, with an interval.
//
// State of a series:
//
//	learning ──(3 days, 60 events)──▶ watching ──(evidence > threshold)──▶ incident
//	                                      ▲                                   │
//	                                      ├───(evidence of recovery)──────────┤
//	                                      └───(14 days: the new normal)───────┘
//
// One incident is opened once; nothing is learned while it lasts.
//
// Beside the Detector of shares, a Volume watches how many signals come, and a Novelty
// which errors turn up that were never seen.
//
// Budget: with nothing wrong at most 5 % of product-weeks see an incident. The
// threshold grows with the logarithm of the number of series a product has
// watched, which bounds the union (Ville's inequality, as for e-detectors, Shin,
// Ramdas & Rinaldo 2022); TestNullBudget holds the whole to it.
package detect
