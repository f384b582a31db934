package catalog

import (
	"sync/atomic"
	"time"
)

// Use remembers in which minute a key was used last. Any number of requests may ask at once; while the
// minute lasts all they do is read one word.
type Use struct{ minute atomic.Int64 }

// First reports whether nobody has used the key in the minute of at before; exactly one caller is told so.
func (u *Use) First(at time.Time) bool {
	if u == nil {
		return false
	}
	minute, seen := at.Unix()/60, u.minute.Load()
	return minute > seen && u.minute.CompareAndSwap(seen, minute)
}
