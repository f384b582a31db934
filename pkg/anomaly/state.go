package anomaly

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// stateVersion is the first byte of a stored state. It changes with the meaning of the bytes and
// with the constants that a state was learned under.
const stateVersion = 2

// Bytes is the size of a stored state, the same for every series and for any number of points.
var Bytes = size()

// ErrState is that bytes are not a state of this version.
var ErrState = errors.New("not a state of this detector")

// MarshalBinary stores all that is known of the series: a detector that reads it back goes on as
// this one would.
func (d *Detector) MarshalBinary() ([]byte, error) {
	w := coder{bytes: []byte{stateVersion}, writing: true}
	d.code(&w)
	return w.bytes, nil
}

// UnmarshalBinary reads what MarshalBinary stored, views included. After an error the detector is
// as it was.
func (d *Detector) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != stateVersion {
		return fmt.Errorf("reading a detector: %w", ErrState)
	}
	var read Detector
	r := coder{bytes: data[1:]}
	read.code(&r)
	if r.failed || len(r.bytes) > 0 || !read.sound() {
		return fmt.Errorf("reading a detector: %w", ErrState)
	}
	*d = read
	return nil
}

// sound is that no index leads out of its table.
func (d *Detector) sound() bool {
	return d.views != 0 && d.bar.at <= d.seen && d.clock.slot < daySlots &&
		d.shape.count <= shapes && d.shape.next < shapes &&
		!slices.ContainsFunc(d.shape.known[:], func(counts [shapeBins]uint8) bool { return slices.Max(counts[:]) > window })
}

// code visits every field in the order of the stored form.
func (d *Detector) code(c *coder) {
	views := uint64(d.views)
	c.integer(&views)
	c.failed = c.failed || views > uint64(AllViews)
	d.views = View(views & uint64(AllViews))
	c.integer(&d.seen)
	c.float(&d.innov, &d.slow, &d.usual, &d.rough, &d.smoothed[0], &d.smoothed[1], &d.smoothed[2])
	for i := range d.recent {
		c.float(&d.recent[i])
	}
	c.float(&d.season.level)
	for i := range d.season.day {
		c.float(&d.season.day[i])
	}
	c.raw(d.season.seen[:])
	c.signed(&d.clock.last, &d.clock.step)
	c.small(&d.clock.slot)
	for i := range d.tails {
		t := &d.tails[i]
		c.float(&t.seen, &t.mean, &t.squares, &t.low, &t.high, &t.qLow, &t.qHigh, &t.spread)
	}
	for i := range d.shape.known {
		c.raw(d.shape.known[i][:])
	}
	c.small(&d.shape.count, &d.shape.next)
	c.raw(d.rarity.all[:])
	for i := range d.rarity.slot {
		c.raw(d.rarity.slot[i][:])
	}
	c.float(&d.bar.height, &d.band.level, &d.band.low, &d.band.high, &d.band.spread, &d.band.seen)
	c.integer(&d.bar.at)
}

// coder writes fields to bytes or reads them from there, so that the two cannot differ.
type coder struct {
	bytes   []byte
	writing bool
	failed  bool // there were too few bytes, or a number that is none
}

func (c *coder) take(n int) []byte {
	if len(c.bytes) < n {
		c.failed, c.bytes = true, nil
		return make([]byte, n)
	}
	taken := c.bytes[:n]
	c.bytes = c.bytes[n:]
	return taken
}

func (c *coder) integer(v *uint64) {
	if c.writing {
		c.bytes = binary.LittleEndian.AppendUint64(c.bytes, *v)
		return
	}
	*v = binary.LittleEndian.Uint64(c.take(8))
}

func (c *coder) signed(fields ...*int64) {
	for _, v := range fields {
		bits := uint64(*v)
		c.integer(&bits)
		*v = int64(bits)
	}
}

func (c *coder) float(fields ...*float64) {
	for _, v := range fields {
		bits := math.Float64bits(*v)
		c.integer(&bits)
		*v = math.Float64frombits(bits)
		if math.IsNaN(*v) || math.Abs(*v) > largest*largest*1e5 {
			c.failed = true
		}
	}
}

func (c *coder) raw(field []byte) {
	if c.writing {
		c.bytes = append(c.bytes, field...)
		return
	}
	copy(field, c.take(len(field)))
}

func (c *coder) small(fields ...*uint8) {
	for _, v := range fields {
		one := [1]byte{*v}
		c.raw(one[:])
		*v = one[0]
	}
}

func size() int {
	w := coder{writing: true}
	New(Options{}).code(&w)
	return 1 + len(w.bytes)
}
