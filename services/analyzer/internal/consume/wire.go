package consume

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/storable"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Field numbers of specter.event.v1; a test holds them to the contract.
const (
	batchSignals = 1

	fieldID         = 1
	fieldClientID   = 2
	fieldAccountID  = 3
	fieldProductID  = 4
	fieldContextID  = 5
	fieldType       = 6
	fieldPayload    = 7
	fieldOccurredAt = 8
	fieldReceivedAt = 9
	fieldSessionID  = 10
	fieldSource     = 11
	fieldTimeMark   = 12
	fieldImported   = 13

	timeSeconds = 1
	timeNanos   = 2
)

// decode reads an encoded SignalBatch. The generated code would make a dozen
// allocations a signal; here payloads stay where they are in data and texts share one
// copy of it. A batch with an id that is none cannot be processed at all.
func decode(data []byte) ([]signal.Signal, error) {
	w := wire{data: data, text: string(data)}
	n := 0
	if err := fields(data, func(number protowire.Number, _ []byte, _ uint64) error {
		if number == batchSignals {
			n++
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := make([]signal.Signal, 0, n)
	err := fields(data, func(number protowire.Number, value []byte, _ uint64) error {
		if number != batchSignals {
			return nil
		}
		out = append(out, signal.Signal{Source: signal.REST})
		if err := w.signal(value, &out[len(out)-1]); err != nil {
			return fmt.Errorf("signal %d of %d: %w", len(out), n, err)
		}
		return nil
	})
	return out, err
}

// wire is one message; text is a copy of data.
type wire struct {
	data []byte
	text string
}

// fields hands over each field of an encoded message: the bytes of those that have a
// length, the number of varints.
func fields(data []byte, field func(number protowire.Number, value []byte, varint uint64) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("reading a field's tag: %w", protowire.ParseError(n))
		}
		data = data[n:]
		var value []byte
		var varint uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type, protowire.Fixed64Type, protowire.StartGroupType, protowire.EndGroupType:
			n = protowire.ConsumeFieldValue(number, kind, data)
		default:
			return fmt.Errorf("field %d is of unknown kind %d", number, kind)
		}
		if n < 0 {
			return fmt.Errorf("reading field %d: %w", number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := field(number, value, varint); err != nil {
			return err
		}
	}
	return nil
}

var errNoTime = errors.New("it has no time")

func (w *wire) signal(data []byte, s *signal.Signal) error {
	var occurred, received bool
	err := fields(data, func(number protowire.Number, value []byte, varint uint64) (err error) {
		switch number {
		case fieldID:
			s.ID, err = id(value)
		case fieldClientID:
			s.ClientID, err = optionalID(value)
		case fieldAccountID:
			s.AccountID, err = id(value)
		case fieldProductID:
			s.ProductID, err = id(value)
		case fieldContextID:
			s.ContextID, err = optionalID(value)
		case fieldType:
			s.Type = storable.Text(w.share(value))
		case fieldPayload:
			s.Payload = value
		case fieldOccurredAt:
			occurred = true
			s.At, err = timestamp(value)
		case fieldReceivedAt:
			received = true
			s.ReceivedAt, err = timestamp(value)
		case fieldSessionID:
			s.SessionID = storable.Text(w.share(value))
		case fieldSource:
			s.Source = source(eventv1.Source(varint))
		case fieldTimeMark:
			s.TimeMark = timeMark(eventv1.TimeMark(varint))
		case fieldImported:
			s.Imported = varint != 0
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case s.ID == uuid.Nil || s.AccountID == uuid.Nil || s.ProductID == uuid.Nil:
		return errors.New("an id is missing")
	case !occurred || !received:
		return errNoTime
	}
	return nil
}

// share is value, a part of data, as text.
func (w *wire) share(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	// A part's capacity reaches to the end of the whole.
	start := cap(w.data) - cap(value)
	return w.text[start : start+len(value)]
}

func id(value []byte) (uuid.UUID, error) {
	parsed, err := uuid.FromBytes(value)
	if err != nil {
		return uuid.Nil, fmt.Errorf("an id of %d bytes is not usable", len(value))
	}
	return parsed, nil
}

func optionalID(value []byte) (uuid.UUID, error) {
	if len(value) == 0 {
		return uuid.Nil, nil
	}
	return id(value)
}

// timestamp reads a google.protobuf.Timestamp.
func timestamp(data []byte) (time.Time, error) {
	var seconds, nanos int64
	err := fields(data, func(number protowire.Number, _ []byte, varint uint64) error {
		switch number {
		case timeSeconds:
			seconds = int64(varint)
		case timeNanos:
			nanos = int64(int32(varint))
		}
		return nil
	})
	if err == nil {
		// A year that Postgres does not have would fail the batch again and again.
		err = (&timestamppb.Timestamp{Seconds: seconds, Nanos: int32(nanos)}).CheckValid()
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading a time: %w", err)
	}
	return time.Unix(seconds, nanos).UTC(), nil
}
