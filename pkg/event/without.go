package event

import (
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Without removes from a body that carries many accounts' data what is one account's: the elements of its
// lists whose account_id says so. removed counts them, left those of others.
func Without(body proto.Message, account uuid.UUID) (removed, left int) {
	m := body.ProtoReflect()
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if !field.IsList() || field.Message() == nil {
			return true
		}
		owner := field.Message().Fields().ByName("account_id")
		if owner == nil {
			return true
		}
		list, kept := value.List(), 0
		for i := range list.Len() {
			if belongs(list.Get(i).Message().Get(owner), account) {
				removed++
				continue
			}
			list.Set(kept, list.Get(i))
			kept++
		}
		list.Truncate(kept)
		left += kept
		return true
	})
	return removed, left
}

func belongs(value protoreflect.Value, account uuid.UUID) bool {
	switch id := value.Interface().(type) {
	case []byte:
		return string(id) == string(account[:])
	case string:
		return id == account.String()
	default:
		return false
	}
}
