package refusal

import (
	"bytes"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// collection is what was refused since the last flush.
type collection struct {
	counts      map[kind]*count
	samples     []Refusal
	ofKind      map[kind]int // samples; the minute is zero
	sampleBytes int
}

type kind struct {
	product uuid.UUID
	code    string
	minute  int64 // unix
}

type count struct {
	kind
	account uuid.UUID
	n       int64
	last    time.Time
}

func newCollection() *collection {
	return &collection{counts: map[kind]*count{}, ofKind: map[kind]int{}}
}

// add counts f and keeps it as a sample when there is room; sampled is true also when enough
// samples of its kind are there.
func (c *collection) add(f Refusal) (counted, sampled bool) {
	f.Code = cut(f.Code, maxCode)
	k := kind{product: f.ProductID, code: f.Code, minute: f.At.Unix() / 60 * 60}
	of, ok := c.counts[k]
	if !ok {
		if len(c.counts) >= maxCounts {
			return false, false
		}
		of = &count{kind: k, account: f.AccountID}
		c.counts[k] = of
	}
	of.n += int64(f.N)
	if f.At.After(of.last) {
		of.last = f.At
	}
	k.minute = 0
	if c.ofKind[k] >= samplesOfKind {
		return true, true
	}
	element := f.Element
	if f.piece = len(element) > maxElement; f.piece {
		element = element[:maxPiece]
	}
	if len(c.samples) >= maxSamples || c.sampleBytes+len(element) > maxSampleBytes {
		return true, false
	}
	c.ofKind[k]++
	c.sampleBytes += len(element)
	f.Element, f.Origin, f.UserAgent = bytes.Clone(element), strings.Clone(f.Origin), strings.Clone(f.UserAgent)
	c.samples = append(c.samples, f)
	return true, true
}

func (c *count) event() *eventv1.RefusalCount {
	return &eventv1.RefusalCount{
		AccountId: c.account[:], ProductId: c.product[:], Code: c.code, N: c.n,
		Minute: timestamppb.New(time.Unix(c.minute, 0)), LastAt: timestamppb.New(c.last),
	}
}

// newID is a UUIDv7: samples made later sort later.
func newID() []byte {
	id := uuid.Must(uuid.NewV7())
	return id[:]
}
