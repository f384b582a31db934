package keyuse

import "time"

// Hasten makes the recorder flush more often than it does in production.
func (r *Recorder) Hasten(every time.Duration) { r.every = every }

// MaxKeys is how many keys are kept between two flushes.
const MaxKeys = maxKeys
