// Package anomaly finds what is out of the ordinary in a series of numbers of which nothing is
// known beforehand: not its unit, its range, its season or its noise.
//
// It reads a series once, point by point, and never looks ahead: what it says of a point depends
// on the points before it and on nothing else. A point costs the same whatever came before, and
// what is kept of a series is a few KiB that can be stored and read back.
//
// A series is looked at in several views (View): the value, its distance to the recent level, the
// level, spread and roughness of a window, what is left after the time of day and how long that
// lasts, how rare the value is then, and the shape of a window's distribution. Each view is one
// number a point, and each is judged by its own past alone: 0 within the range of all but its rarest
// points, 1 at its record, more beyond it. Records make all views comparable, whatever their units
// and the weight of their tails. The views are summed, so that several that are a little out count
// as much as one that is far out.
//
// The sum is held against a bar. Who steps over it raises it, and it comes down again slowly: one
// event is told once, or again when it grows worse, and series that are restless by nature raise
// their bar themselves.
//
// The idea of the view of shape is that of relative entropy on a quantised stream (Wang et al. 2011,
// "Statistical Techniques for Online Anomaly Detection in Data Centers"). Docs: ADR 13.
package anomaly
