// Package detect measures the generic detector (pkg/anomaly) on labelled series: simulated ones of
// many unlike kinds, some of which were written only when the detector was finished, and real ones
// whose event everybody knows. Plain detectors run beside it on the same series, so that the figure has
// a meaning.
//
// The score is that of the published streaming benchmarks: every labelled window earns its
// earliest detection, more the earlier it is; a miss costs one; a false alarm costs up to 0.11;
// the first rows of a series are free of charge, so that a detector can learn.
package detect
