package consume

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/scrub"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

func TestASecondLookFindsWhatTheFirstLetPass(t *testing.T) {
	t.Parallel()
	redacted := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "redacted"}, []string{"class"})
	c := newCleaner(redacted)
	const session = "019cb3f2-7d1e-7c40-9a6b-5e2f8c1d4b7a"
	type texts struct{ kind, session, payload string }
	const long = `"note":"a payload may grow by a fifth, beyond that values are emptied rather than replaced by their marker"`
	for name, step := range map[string]struct{ sent, want texts }{
		"clean":                  {texts{"page_view", session, `{"path":"/checkout/4111"}`}, texts{"page_view", session, `{"path":"/checkout/4111"}`}},
		"clean and nothing else": {texts{"page_view", "", ""}, texts{"page_view", "", ""}},
		"a card":                 {texts{"a", "", `{"note":"4111 1111 1111 1111"}`}, texts{"a", "", `{"note":"[redacted:card]"}`}},
		"a secret beside bytes that are not UTF-8": {
			texts{"a", "", "{\"password\":\"hunter2\",\"x\":\"\xff\"," + long + "}"}, texts{"a", "", "{\"password\":\"[redacted:secret]\",\"x\":\"\uFFFD\"," + long + "}"},
		},
		"no object": {texts{"a", "", `{"password":"hunter2`}, texts{"a", "", `{}`}},
		"too deep":  {texts{"a", "", `{"a":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`}, texts{"a", "", ""}},
		"a type":    {texts{"paid 4111111111111111", "", `{}`}, texts{"paid [redacted:card]", "", `{}`}},
		"a session": {texts{"a", "jane@example.com", `{}`}, texts{"a", "", `{}`}},
	} {
		t.Run(name, func(t *testing.T) {
			one := func() signal.Signal {
				return signal.Signal{Type: step.sent.kind, SessionID: step.sent.session, Payload: []byte(step.sent.payload)}
			}
			// Neighbours of the same and of another type and session change nothing.
			list := []signal.Signal{one(), one(), {Type: "b", SessionID: "s"}, one()}
			c.clean(list)
			for i, want := range []texts{step.want, step.want, {"b", "s", ""}, step.want} {
				require.Equal(t, want, texts{list[i].Type, list[i].SessionID, string(list[i].Payload)})
			}
		})
	}
	require.EqualValues(t, 3+2, testutil.ToFloat64(redacted.WithLabelValues("card")), "three payloads, and one type that came twice in a row")
	require.EqualValues(t, 3, testutil.ToFloat64(redacted.WithLabelValues("unreadable")))
}

// What a gateway says it has looked through by the same rules is taken as it is; by others, or by none, it is
// looked through again.
func TestASecondLookIsForWhatOtherRulesHaveSeen(t *testing.T) {
	t.Parallel()
	c := newCleaner(prometheus.NewCounterVec(prometheus.CounterOpts{Name: "redacted"}, []string{"class"}))
	id := uuid.New()
	for rules, want := range map[uint32]string{0: "[redacted:card]", scrub.Rules: "4111111111111111", scrub.Rules + 1: "[redacted:card]"} {
		data, err := proto.Marshal(&eventv1.SignalBatch{ScrubRules: rules, Signals: []*eventv1.Signal{{
			Id: id[:], AccountId: id[:], ProductId: id[:], Type: "a", Payload: []byte(`{"note":"4111111111111111"}`),
			OccurredAt: timestamppb.Now(), ReceivedAt: timestamppb.Now(),
		}}})
		require.NoError(t, err)
		list, err := c.read(data)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Contains(t, string(list[0].Payload), want, "rules %d", rules)
	}
	_, err := c.read([]byte("no batch"))
	require.True(t, fault.IsPermanent(err))
}
