package quota

import "time"

// KeyValue is what a meter asks of the broker's bucket.
type KeyValue = keyValue

// Behind puts something between the meter and the broker's bucket.
func (m *Meter) Behind(b KeyValue) { m.bucket.Store(&b) }

// Hasten shortens what would make tests wait: a lease expires after life and tells every life/4.
func (m *Meter) Hasten(life time.Duration) { m.life, m.tell = life, life/4 }

// Look is what happens every tellEvery.
func (m *Meter) Look() { m.look() }
