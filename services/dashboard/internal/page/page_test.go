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

func TestACursorComesBackAsItWas(t *testing.T) {
	t.Parallel()
	c := page.AtID(time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC), uuid.New())
	text, err := page.Encode("things", c)
	require.NoError(t, err)
	limit := 7
	r, err := page.Parse("things", &limit, &text)
	require.NoError(t, err)
	require.Equal(t, page.Request{Limit: 7, After: c}, r)
	require.EqualValues(t, 8, r.Fetch())

	_, err = page.Parse("others", &limit, &text)
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestBadParametersAreRefused(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, -1, 101} {
		_, err := page.Parse("things", &limit, nil)
		require.True(t, fault.Is(err, fault.Invalid), limit)
	}
	for _, text := range []string{"!", "e30", base64.RawURLEncoding.EncodeToString([]byte(`{"l":"things"}`))} {
		_, err := page.Parse("things", nil, &text)
		require.True(t, fault.Is(err, fault.Invalid), text)
	}
	r, err := page.Parse("things", nil, nil)
	require.NoError(t, err)
	require.Equal(t, page.DefaultLimit, r.Limit)
}

func TestTheLastPageHasNoCursor(t *testing.T) {
	t.Parallel()
	key := func(i int) page.Cursor { n := int64(i); return page.Cursor{Serial: &n} }
	r := page.Request{Limit: 2}
	require.Nil(t, page.Cut([]int{1, 2}, r, key).Next)
	cut := page.Cut([]int{1, 2, 3}, r, key)
	require.Equal(t, []int{1, 2}, cut.Items)
	require.EqualValues(t, 2, *cut.Next.Serial)
}
