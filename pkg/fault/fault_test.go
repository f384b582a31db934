package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

func TestKindNumbersNeverChange(t *testing.T) {
	t.Parallel()
	want := map[fault.Kind]string{
		0: "internal", 1: "invalid", 2: "unauthenticated", 3: "forbidden", 4: "not_found", 5: "conflict",
		6: "precondition_failed", 7: "too_large", 8: "rate_limited", 9: "quota_exceeded", 10: "unavailable", 200: "internal",
	}
	for kind, name := range want {
		require.Equal(t, name, kind.String())
	}
}

func TestAsFindsTheMeaningThroughWrapping(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("saving the context: %w", fault.Wrap(io.EOF, fault.Unavailable, "unavailable", "The database is away.").After(time.Second))

	e := fault.As(err)
	require.NotNil(t, e)
	require.Equal(t, fault.Unavailable, e.Kind)
	require.Equal(t, time.Second, e.RetryAfter)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "unavailable: The database is away.: EOF", e.Error())
	require.True(t, fault.Is(err, fault.Unavailable))

	require.Nil(t, fault.As(io.EOF))
	require.Nil(t, fault.As(nil))
}

func TestWithCopiesSoThatASentinelStaysClean(t *testing.T) {
	t.Parallel()
	base := fault.Newf(fault.Invalid, "invalid_json", "Element %d is bad.", 3)
	derived := base.With("/3/type", "missing_type", "type is required")

	require.Empty(t, base.Fields)
	require.Equal(t, []fault.Field{{Pointer: "/3/type", Code: "missing_type", Detail: "type is required"}}, derived.Fields)
	require.Equal(t, "Element 3 is bad.", derived.Detail)
}

func TestIsPermanent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"plain", io.EOF, false},
		{"marked", fault.Permanent(io.EOF), true},
		{"marked and wrapped", fmt.Errorf("x: %w", fault.Permanent(io.EOF)), true},
		{"marked nil stays nil", fault.Permanent(nil), false},
		{"invalid", fault.New(fault.Invalid, "invalid_json", "no"), true},
		{"not found", fault.New(fault.NotFound, "not_found", "no"), true},
		{"conflict", fault.New(fault.Conflict, "conflict", "no"), true},
		{"unavailable", fault.New(fault.Unavailable, "unavailable", "no"), false},
		{"internal", fault.New(fault.Internal, "internal", "no"), false},
		{"marked unavailable", fault.Permanent(fault.New(fault.Unavailable, "unavailable", "no")), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, fault.IsPermanent(c.err))
		})
	}
	require.True(t, errors.Is(fault.Permanent(io.EOF), io.EOF))
}
