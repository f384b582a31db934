package event_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/draftlabs/specter/pkg/event"
)

// Parts of other messages, not messages of the bus.
var parts = map[protoreflect.Name]bool{"Signal": true, "Verdict": true, "Quota": true, "RefusalCount": true, "RefusalSample": true, "KeyUse": true}

func TestEveryMessageOfTheContractIsInTheCatalogueOnce(t *testing.T) {
	t.Parallel()
	catalogued := map[protoreflect.FullName]int{}
	for _, i := range event.All() {
		catalogued[i.Body().FullName()]++
	}
	seen := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("specter.event.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Messages().Len() {
			m := f.Messages().Get(i)
			if parts[m.Name()] {
				continue
			}
			seen++
			require.Equal(t, 1, catalogued[m.FullName()], "%s must be in the catalogue exactly once", m.FullName())
		}
		return true
	})
	require.Equal(t, seen, len(event.All()))
}

func TestNamesFollowTheirMessageAndAreUnique(t *testing.T) {
	t.Parallel()
	tags := map[string]bool{}
	for _, i := range event.All() {
		require.Regexp(t, regexp.MustCompile(`^[a-z]+\.[a-z_]+$`), i.Name())
		require.Equal(t, nameOf(string(i.Body().Name())), i.Name())
		require.Equal(t, "v1", string(i.Body().ParentFile().Package().Name()), "the version is the package's")
		require.False(t, tags[i.Tag()], i.Tag())
		tags[i.Tag()] = true

		found, ok := event.ByTag(i.Tag())
		require.True(t, ok)
		require.Equal(t, i.Tag(), found.Tag())
		require.Equal(t, i.Body(), i.New().ProtoReflect().Descriptor())
	}
	_, ok := event.ByTag("nobody.knows.v1")
	require.False(t, ok)
}

// nameOf turns SignalFirstReceived into signal.first_received.
func nameOf(message string) string {
	var b strings.Builder
	for i, r := range message {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Replace(b.String(), "_", ".", 1)
}

func TestSubjectsCarryTheAccountLastSoThatItsMessagesCanBeFound(t *testing.T) {
	t.Parallel()
	account := uuid.MustParse("0192d3a4-0000-7000-8000-000000000001")

	require.Equal(t, "events.proposal.created.v1.0192d3a4-0000-7000-8000-000000000001", event.ProposalCreated.Subject(account))
	require.Equal(t, "events.proposal.created.v1.*", event.ProposalCreated.Filter())
	require.Equal(t, "signals.signal.batch.v1._", event.SignalBatch.Subject(uuid.Nil))
}

func TestStreamsKeepTheRulesOfDurability(t *testing.T) {
	t.Parallel()
	for _, s := range append(event.Streams(), event.DeadLetters(), event.Advisories()) {
		require.Positive(t, s.MaxBytes, s.Name)
		require.GreaterOrEqual(t, s.DuplicateWindow, 2*time.Minute, s.Name)
		require.NotEmpty(t, s.Doc, s.Name)
	}
	for _, s := range event.Streams() {
		require.LessOrEqual(t, s.MaxAge, 7*24*time.Hour, s.Name)
	}
}

// What the database forgets must not be at the broker still.
func TestNoStreamKeepsPayloadsForLongerThanAWeek(t *testing.T) {
	t.Parallel()
	for _, s := range append(event.Streams(), event.DeadLetters(), event.Advisories()) {
		require.Positive(t, s.MaxAge, s.Name)
		require.LessOrEqual(t, s.MaxAge, 7*24*time.Hour, s.Name)
	}
}
