package refusal

import "time"

// Hasten makes the recorder flush more often than it does in production.
func (r *Recorder) Hasten(every time.Duration) { r.every = every }

// Family is the reduction of a User-Agent header.
func Family(header string) string { return family(header) }

// Outline is what is told of a text that is no JSON.
func Outline(raw []byte) string { return outline(raw) }
