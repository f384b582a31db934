// Package explain says what is over-represented in a bad window: for each
// segment (a value of a dimension, or a signal type) the negatives above what its
// traffic and its past let expect, its share of the whole change, and whether
// that share is more than chance.
//
// A worsening that hits everybody raises the negatives of every segment, so a
// segment is tested against the rest, not against zero: given all negatives of
// the window, is its part larger than its expected part? The answer is a
// beta-binomial tail whose dispersion is the uncertainty of the baseline;
// Benjamini–Hochberg holds the false discoveries over all segments tested.
// Baseline rates are shrunk to the context's rate by an empirical-Bayes
// (Gamma–Poisson) prior, so a segment never seen before is not infinitely bad.
//
// Among those that explain at least 60 % of the change, the likeliest account of all that
// happened is the explanation: what is wider than the trouble is diluted by what went on
// as before, and a part of it leaves the rest unexplained. Pairs of conditions come from a
// sample in which they were counted together (joint.go), below a condition that is
// significant by itself. What was looked at and found even is listed as ruled out. Volume
// does the same for signals that are missing.
package explain
