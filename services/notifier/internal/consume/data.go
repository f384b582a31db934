package consume

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// dataOf is a message as people read it in a webhook: snake_case names, every field present,
// numbers as JSON numbers (protobuf's own JSON writes 64-bit ones as strings), times in RFC 3339.
// A verdict's fields stand by themselves, not inside "verdict".
func dataOf(m proto.Message) (json.RawMessage, error) {
	if carrier, ok := m.(interface{ GetVerdict() *eventv1.Verdict }); ok {
		m = carrier.GetVerdict()
	}
	object, err := objectOf(m.ProtoReflect())
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("writing %s as JSON: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return data, nil
}

func objectOf(m protoreflect.Message) (map[string]any, error) {
	fields := m.Descriptor().Fields()
	object := make(map[string]any, fields.Len())
	for i := range fields.Len() {
		f := fields.Get(i)
		value, err := valueOf(f, m.Get(f), m.Has(f))
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name(), err)
		}
		object[string(f.Name())] = value
	}
	return object, nil
}

func valueOf(f protoreflect.FieldDescriptor, v protoreflect.Value, present bool) (any, error) {
	if f.IsList() {
		list := make([]any, v.List().Len())
		for i := range list {
			item, err := scalarOf(f, v.List().Get(i))
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	}
	if f.Kind() == protoreflect.MessageKind && !present {
		return nil, nil
	}
	return scalarOf(f, v)
}

func scalarOf(f protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.Int64Kind,
		protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return v.Interface(), nil
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		if x := v.Float(); !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x, nil
		}
		return nil, nil // JSON has no such number
	case protoreflect.MessageKind:
		if at, ok := v.Message().Interface().(*timestamppb.Timestamp); ok {
			return at.AsTime().UTC().Format(time.RFC3339Nano), nil
		}
		return objectOf(v.Message())
	default:
		return nil, fmt.Errorf("a %s has no form in webhooks", f.Kind())
	}
}
