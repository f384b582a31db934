package event

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Type is one versioned kind of message whose body is M. Values exist only in this package's
// catalogue: a subject that is not in the catalogue cannot be published or consumed.
type Type[M proto.Message] struct {
	info Info
}

// Info is a Type without its body's Go type, for code that handles any message.
type Info struct {
	name    string
	version int
	stream  Stream
	body    protoreflect.MessageType
	scope   Scope
}

// Describer is a Type[M] or an Info.
type Describer interface{ Info() Info }

// Scope says whose data one message carries.
type Scope uint8

const (
	OneAccount   Scope = iota // the subject ends with the account's id
	ManyAccounts              // a batch over accounts; the subject ends with "_"
)

// Stream is one JetStream stream of ours. What every stream has in common (file storage, limits
// retention, discard new) is applied by pkg/bus and cannot be chosen here.
type Stream struct {
	Name            string
	Prefix          string        // first token of every subject in it
	subjects        []string      // instead of everything under Prefix
	MaxAge          time.Duration // messages older than this are removed whether or not they were read
	MaxBytes        int64         // default bound; pkg/bus can be told another
	MaxMessageBytes int32
	DuplicateWindow time.Duration // how long a Nats-Msg-Id is remembered
	Doc             string
}

// Subjects are what the stream stores.
func (s Stream) Subjects() []string {
	if s.subjects != nil {
		return s.subjects
	}
	return []string{s.Prefix + ".>"}
}

func define[M proto.Message](stream Stream, name string, version int, scope Scope) Type[M] {
	var body M // a nil generated message still knows its type
	return Type[M]{info: Info{name: name, version: version, stream: stream, body: body.ProtoReflect().Type(), scope: scope}}
}

// Info returns the type without its Go body.
func (t Type[M]) Info() Info { return t.info }

// Name is "proposal.created": two lower-case words, the second in the past tense for facts.
func (t Type[M]) Name() string { return t.info.Name() }

// Version is the body's version, from 1; a breaking change gets a new version beside the old one.
func (t Type[M]) Version() int { return t.info.Version() }

// Stream returns the stream that stores it.
func (t Type[M]) Stream() Stream { return t.info.Stream() }

// Subject is where a message about account is published; uuid.Nil for ManyAccounts types.
func (t Type[M]) Subject(account uuid.UUID) string { return t.info.Subject(account) }

// Filter matches this type for every account.
func (t Type[M]) Filter() string { return t.info.Filter() }

// Info returns itself, so that an Info can stand where a Type is asked for.
func (i Info) Info() Info { return i }

// Name is "proposal.created".
func (i Info) Name() string { return i.name }

// Version is the body's version, from 1.
func (i Info) Version() int { return i.version }

// Stream returns the stream that stores it.
func (i Info) Stream() Stream { return i.stream }

// Scope says whose data one message carries.
func (i Info) Scope() Scope { return i.scope }

// Tag is "proposal.created.v1", the value of the Specter-Event header.
func (i Info) Tag() string { return fmt.Sprintf("%s.v%d", i.name, i.version) }

// Body is the descriptor of the protobuf message it carries.
func (i Info) Body() protoreflect.MessageDescriptor { return i.body.Descriptor() }

// New returns an empty body.
func (i Info) New() proto.Message { return i.body.New().Interface() }

// Subject is "events.proposal.created.v1.<account>".
func (i Info) Subject(account uuid.UUID) string {
	owner := manyAccounts
	if i.scope == OneAccount {
		owner = account.String()
	}
	return strings.Join([]string{i.stream.Prefix, i.Tag(), owner}, ".")
}

// Filter is "events.proposal.created.v1.*".
func (i Info) Filter() string { return i.stream.Prefix + "." + i.Tag() + ".*" }

const manyAccounts = "_"
