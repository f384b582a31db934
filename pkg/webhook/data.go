package webhook

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
)

// Envelope is what is sent: {"type","timestamp","data"}.
func Envelope(name string, at time.Time, data json.RawMessage) (json.RawMessage, error) {
	body, err := json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{name, at.UTC(), data})
	if err != nil {
		return nil, fmt.Errorf("writing the body of a %s: %w", name, err)
	}
	return body, nil
}

// Data is a message as people read it: snake_case names, every field present, numbers as JSON
// numbers (protobuf's own JSON writes 64-bit ones as strings), times in RFC 3339. What a message only
// carries, such as a verdict, stands by itself.
func Data(m proto.Message) (json.RawMessage, error) {
	object, err := objectOf(carried(m.ProtoReflect()))
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("writing %s as JSON: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return data, nil
}

// carried is the message in m when that is all there is in m.
func carried(m protoreflect.Message) protoreflect.Message {
	fields := m.Descriptor().Fields()
	if fields.Len() != 1 || fields.Get(0).Kind() != protoreflect.MessageKind || fields.Get(0).IsList() {
		return m
	}
	return m.Get(fields.Get(0)).Message()
}

// AboutDeployments reports whether messages of type t name a deployment.
func AboutDeployments(t event.Describer) bool {
	return carried(t.Info().New().ProtoReflect()).Descriptor().Fields().ByName(deploymentField) != nil
}

const deploymentField = "deployment_id"

// Deployment is the deployment that a message is about, or uuid.Nil. What is told of one deployment is
// told in its order.
func Deployment(m proto.Message) uuid.UUID {
	about := carried(m.ProtoReflect())
	field := about.Descriptor().Fields().ByName(deploymentField)
	if field == nil {
		return uuid.Nil
	}
	id, err := uuid.Parse(about.Get(field).String())
	if err != nil {
		return uuid.Nil // it is about none
	}
	return id
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
