package stripe_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/stripe"
)

const (
	now    = "whsec_new"
	before = "whsec_before"
)

func open(body, signature string) (billing.Event, error) {
	return stripe.Events{Secrets: []string{now, before}}.Open(signature, []byte(body))
}

func TestOnlyWhatIsSignedAndRecentIsRead(t *testing.T) {
	t.Parallel()
	const body = `{"id":"evt_1","type":"customer.deleted","data":{"object":{"id":"cus_1","object":"customer"}}}`
	at := time.Now()
	for _, secret := range []string{now, before} { // while it is rolled
		event, err := open(body, stripekit.Sign(secret, []byte(body), at))
		require.NoError(t, err)
		require.Equal(t, billing.Event{ID: "evt_1", Type: "customer.deleted", Customer: "cus_1"}, event)
	}
	good := stripekit.Sign(now, []byte(body), at)
	for name, signature := range map[string]string{
		"none":                      "",
		"of another secret":         stripekit.Sign("whsec_other", []byte(body), at),
		"of an empty secret":        stripekit.Sign("", []byte(body), at),
		"of another body":           stripekit.Sign(now, []byte(body+" "), at),
		"301 s old":                 stripekit.Sign(now, []byte(body), at.Add(-301*time.Second)),
		"with another time":         strings.Replace(good, "t=", "t=1", 1),
		"without its time":          good[strings.Index(good, ",")+1:],
		"of a scheme nobody signs":  strings.Replace(good, "v1=", "v0=", 1),
		"something else altogether": "Bearer " + now,
	} {
		_, err := open(body, signature)
		require.True(t, fault.Is(err, fault.Unauthenticated), "%s: %v", name, err)
		require.NotContains(t, err.Error(), now)
	}
	_, err := open(body, stripekit.Sign(now, []byte(body), at.Add(-290*time.Second)))
	require.NoError(t, err)
	_, err = stripe.Events{}.Open(good, []byte(body))
	require.True(t, fault.Is(err, fault.Unauthenticated), "without a secret nothing is signed")
}

func TestAnEventSaysWhoItIsAbout(t *testing.T) {
	t.Parallel()
	for body, customer := range map[string]string{
		`{"id":"e","type":"invoice.paid","api_version":"2031-01-01.future","data":{"object":{"object":"invoice","customer":"cus_2"}}}`:  "cus_2",
		`{"id":"e","type":"invoice.paid","data":{"object":{"object":"invoice","customer":{"id":"cus_3","object":"customer"}}}}`:         "cus_3",
		`{"id":"e","type":"customer.subscription.updated","data":{"object":{"id":"sub_1","object":"subscription","customer":"cus_4"}}}`: "cus_4",
		`{"id":"e","type":"charge.failed","data":{"object":{"object":"charge","customer":null}}}`:                                       "",
		`{"id":"e","type":"charge.failed","data":{"object":{"object":"charge","customer":["cus_5"]}}}`:                                  "",
		`{"id":"e","type":"charge.failed","data":{"object":{"object":"charge","customer":"cus_5'; --"}}}`:                               "",
		`{"id":"e","type":"something.new"}`: "",
	} {
		event, err := open(body, stripekit.Sign(now, []byte(body), time.Now()))
		require.NoError(t, err, body)
		require.Equal(t, customer, event.Customer, body)
	}
	for _, body := range []string{``, `null`, `[]`, `{}`, `{"id":1}`, `{"id":"","type":"x"}`, `{"id":"e","type":"A B"}`, `{"id":"e`, "{\"id\":\"e\",\"type\":\"x\xff\"}"} {
		_, err := open(body, stripekit.Sign(now, []byte(body), time.Now()))
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", body, err)
	}
}

func FuzzAnEventOfStripe(f *testing.F) {
	f.Add(`{"id":"evt_1","type":"invoice.paid","data":{"object":{"object":"invoice","customer":"cus_2"}}}`)
	f.Add(`{"id":"evt_1","type":"customer.deleted","data":{"object":{"id":"cus_1","object":"customer"}}}`)
	f.Add(`{"id":"e","type":"x","data":{"object":{"customer":{"id":"cus_3"}}}}`)
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := open(body, "t=1,v1=00"); !fault.Is(err, fault.Unauthenticated) {
			t.Fatalf("read without a signature: %v", err)
		}
		event, err := open(body, stripekit.Sign(now, []byte(body), time.Now()))
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("not said to be invalid: %v", err)
			}
			return
		}
		// What goes into the database and the log is short and plain.
		for _, text := range []string{event.ID, event.Type, event.Customer} {
			if len(text) > 255 || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n'\" ") {
				t.Fatalf("read %q", text)
			}
		}
		if event.ID == "" || event.Type == "" {
			t.Fatalf("an event without a name: %+v", event)
		}
	})
}
