package page_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// FuzzParse: any parameters are a client's error, or a request within the limits whose cursor survives
// being given out again.
func FuzzParse(f *testing.F) {
	good, err := page.Encode("things", page.AtID(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), uuid.MustParse("0190a0a0-0000-7000-8000-000000000001")))
	require.NoError(f, err)
	f.Add(50, good)
	f.Add(0, "")
	f.Add(100, "e30")
	for _, text := range []string{
		`{"l":"things","t":"9999-12-31T23:59:59.999999999+23:59"}`, `{"l":"things","n":1e308}`, `{"l":"things","n":1e309}`, `{"l":"things","s":-1}`,
		`{"l":"things","i":"x"}`, `{"l":"others","s":1}`, `{"L":"things","S":1}`, `{"l":"things","s":1}{}`, `{"l":"things","t":"0000-01-01T00:00:00Z"}`,
	} {
		f.Add(10, base64.RawURLEncoding.EncodeToString([]byte(text)))
	}
	f.Fuzz(func(t *testing.T, limit int, cursor string) {
		r, err := page.Parse("things", &limit, &cursor)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			return
		}
		require.True(t, r.Limit >= 1 && r.Limit <= page.MaxLimit)
		if cursor == "" {
			require.Zero(t, r.After)
			return
		}
		text, err := page.Encode("things", r.After)
		require.NoError(t, err)
		again, err := page.Parse("things", &limit, &text)
		require.NoError(t, err)
		require.Equal(t, r.After.ID, again.After.ID)
		require.Equal(t, r.After.Serial, again.After.Serial)
		require.Equal(t, r.After.Number, again.After.Number)
		require.Equal(t, r.After.At == nil, again.After.At == nil)
		if r.After.At != nil {
			require.True(t, r.After.At.Equal(*again.After.At))
		}
		_, err = page.Parse("others", &limit, &cursor)
		require.True(t, fault.Is(err, fault.Invalid), "a cursor of another list")
	})
}
