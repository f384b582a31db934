package publish

import (
	"math/bits"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/draftlabs/specter/pkg/event/wire"
	"github.com/draftlabs/specter/pkg/scrub"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Encode appends scrubbed signals as an event.v1.SignalBatch. Batches joined end to end are one batch of
// all their signals, as the wire format has it for repeated fields, so what has been encoded for one
// request is never touched again.
//
// It is written by hand because the generated way costs an object a signal and one a time, several
// times what the rest of a signal's way through the gateway does. A test holds both to the same bytes.
func Encode(dst []byte, signals []signal.Signal) []byte {
	total := sizeRules
	for i := range signals {
		total += sizeTag + protowire.SizeBytes(sizeOf(&signals[i]))
	}
	dst = slices.Grow(dst, total)
	for i := range signals {
		dst = appendSignal(dst, &signals[i])
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, wire.BatchScrubRules, protowire.VarintType), scrub.Rules)
}

// sizeRules is what the note of the scrubber's rules takes.
var sizeRules = protowire.SizeTag(wire.BatchScrubRules) + protowire.SizeVarint(scrub.Rules)

func appendSignal(dst []byte, s *signal.Signal) []byte {
	dst = protowire.AppendTag(dst, wire.BatchSignals, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(sizeOf(s)))
	dst = appendID(dst, wire.ID, s.ID)
	dst = appendID(dst, wire.ClientID, s.ClientID)
	dst = appendID(dst, wire.AccountID, s.AccountID)
	dst = appendID(dst, wire.ProductID, s.ProductID)
	dst = appendID(dst, wire.ContextID, s.ContextID)
	dst = appendText(dst, wire.Type, s.Type)
	if len(s.Payload) > 0 {
		dst = protowire.AppendTag(dst, wire.Payload, protowire.BytesType)
		dst = protowire.AppendBytes(dst, s.Payload)
	}
	dst = appendTime(dst, wire.OccurredAt, s.OccurredAt)
	dst = appendTime(dst, wire.ReceivedAt, s.ReceivedAt)
	dst = appendText(dst, wire.SessionID, s.SessionID)
	dst = appendEnum(dst, wire.Source, int32(sources[s.Source]))
	return appendEnum(dst, wire.TimeMark, int32(marks[s.TimeMark]))
}

// Every tag below 16 is one byte.
const (
	sizeTag = 1
	sizeID  = sizeTag + 1 + 16
)

func sizeOf(s *signal.Signal) int {
	n := 0
	for _, id := range [...]uuid.UUID{s.ID, s.ClientID, s.AccountID, s.ProductID, s.ContextID} {
		if id != uuid.Nil {
			n += sizeID
		}
	}
	for _, length := range [...]int{len(s.Type), len(s.Payload), len(s.SessionID)} {
		if length > 0 {
			n += sizeTag + protowire.SizeBytes(length)
		}
	}
	n += sizeTag + protowire.SizeBytes(sizeTime(s.OccurredAt)) + sizeTag + protowire.SizeBytes(sizeTime(s.ReceivedAt))
	return n + sizeEnum(int32(sources[s.Source])) + sizeEnum(int32(marks[s.TimeMark]))
}

func appendID(dst []byte, field protowire.Number, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return dst
	}
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return append(append(dst, byte(len(id))), id[:]...)
}

func appendText(dst []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return dst
	}
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return protowire.AppendString(dst, text)
}

func appendTime(dst []byte, field protowire.Number, t time.Time) []byte {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	dst = append(dst, byte(sizeTime(t))) // at most 17
	dst = appendNumber(dst, wire.Seconds, uint64(t.Unix()))
	return appendNumber(dst, wire.Nanos, uint64(t.Nanosecond()))
}

func sizeTime(t time.Time) int {
	return sizeNumber(uint64(t.Unix())) + sizeNumber(uint64(t.Nanosecond()))
}

func appendEnum(dst []byte, field protowire.Number, v int32) []byte {
	return appendNumber(dst, field, uint64(v))
}

func sizeEnum(v int32) int { return sizeNumber(uint64(v)) }

func appendNumber(dst []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, field, protowire.VarintType)
	return protowire.AppendVarint(dst, v)
}

func sizeNumber(v uint64) int {
	if v == 0 {
		return 0
	}
	return sizeTag + (bits.Len64(v)+6)/7
}

// Source is the door's name on the wire.
func Source(s signal.Source) eventv1.Source { return sources[s] }

var sources = [...]eventv1.Source{
	signal.REST:    eventv1.Source_SOURCE_REST,
	signal.Script:  eventv1.Source_SOURCE_SCRIPT,
	signal.SDK:     eventv1.Source_SOURCE_SDK,
	signal.Webhook: eventv1.Source_SOURCE_WEBHOOK,
}

var marks = [...]eventv1.TimeMark{
	signal.TimeAsSent:        eventv1.TimeMark_TIME_MARK_UNSPECIFIED,
	signal.TimeReceived:      eventv1.TimeMark_TIME_MARK_RECEIVED,
	signal.TimeClampedOld:    eventv1.TimeMark_TIME_MARK_CLAMPED_OLD,
	signal.TimeClampedFuture: eventv1.TimeMark_TIME_MARK_CLAMPED_FUTURE,
}
