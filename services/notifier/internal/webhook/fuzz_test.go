package webhook

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/scrub"
)

// FuzzAnswer: whatever an endpoint answers, what people read of it is short text, and the wait it asks
// for is none that a timer cannot count.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("thank you"), "120")
	f.Add([]byte("\x00\xff\x1b[31m password=hunter2 4111 1111 1111 1111"), "Sun, 01 Mar 2026 12:00:30 GMT")
	f.Add([]byte("\xe2\x80"), "-1")
	f.Add([]byte{}, "99999999999999999999")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &Sender{scrub: scrub.New(scrub.Options{}), now: func() time.Time { return now }}
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		text := s.excerpt(body)
		require.LessOrEqual(t, len(text), maxExcerpt)
		require.True(t, utf8.ValidString(text))
		for _, r := range text {
			require.True(t, r >= ' ' || r == '\n' || r == '\t', "a control character: %q", text)
		}
		require.GreaterOrEqual(t, retryAfter(header, now), time.Duration(0))
	})
}
