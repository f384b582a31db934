package consume

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event/wire"
	"github.com/draftlabs/specter/pkg/storable"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// decode reads an encoded SignalBatch. The generated code would make a dozen
// allocations a signal; here payloads stay where they are in data and texts share one
// copy of it. A batch with an id that is none cannot be processed at all. rules are those
// of the scrubber that the batch says it was looked through by.
func decode(data []byte) (list []signal.Signal, rules uint64, err error) {
	m := message{data: data, text: string(data)}
	n := 0
	if err := fields(data, func(number protowire.Number, _ []byte, _ uint64) error {
		if number == wire.BatchSignals {
			n++
		}
		return nil
	}); err != nil {
		return nil, 0, err
	}
	list = make([]signal.Signal, 0, n)
	err = fields(data, func(number protowire.Number, value []byte, varint uint64) error {
		switch number {
		case wire.BatchScrubRules:
			rules = varint
		case wire.BatchSignals:
			list = append(list, signal.Signal{Source: signal.REST})
			if err := m.signal(value, &list[len(list)-1]); err != nil {
				return fmt.Errorf("signal %d of %d: %w", len(list), n, err)
			}
		}
		return nil
	})
	return list, rules, err
}

// message is an encoded batch; text is a copy of data.
type message struct {
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

func (m *message) signal(data []byte, s *signal.Signal) error {
	var occurred, received bool
	err := fields(data, func(number protowire.Number, value []byte, varint uint64) (err error) {
		switch number {
		case wire.ID:
			s.ID, err = id(value)
		case wire.ClientID:
			s.ClientID, err = optionalID(value)
		case wire.AccountID:
			s.AccountID, err = id(value)
		case wire.ProductID:
			s.ProductID, err = id(value)
		case wire.ContextID:
			s.ContextID, err = optionalID(value)
		case wire.Type:
			s.Type = storable.Text(m.share(value))
		case wire.Payload:
			s.Payload = value
		case wire.OccurredAt:
			occurred = true
			s.At, err = timestamp(value)
		case wire.ReceivedAt:
			received = true
			s.ReceivedAt, err = timestamp(value)
		case wire.SessionID:
			s.SessionID = storable.Text(m.share(value))
		case wire.Source:
			s.Source = source(eventv1.Source(varint))
		case wire.TimeMark:
			s.TimeMark = timeMark(eventv1.TimeMark(varint))
		case wire.Imported:
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
func (m *message) share(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	// A part's capacity reaches to the end of the whole.
	start := cap(m.data) - cap(value)
	return m.text[start : start+len(value)]
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
		case wire.Seconds:
			seconds = int64(varint)
		case wire.Nanos:
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
