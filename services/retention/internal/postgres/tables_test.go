package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTablesThatReferToOthersAreEmptiedFirst(t *testing.T) {
	t.Parallel()
	order, err := referrersFirst([]table{
		{"accounts", nil}, {"attempts", []string{"deliveries"}}, {"deliveries", []string{"accounts"}}, {"products", []string{"accounts"}},
	})
	require.NoError(t, err)
	at := map[string]int{}
	for i, name := range order {
		at[name] = i
	}
	require.Len(t, at, 4)
	require.Less(t, at["attempts"], at["deliveries"])
	require.Less(t, at["deliveries"], at["accounts"])
	require.Less(t, at["products"], at["accounts"])

	_, err = referrersFirst([]table{{"a", []string{"b"}}, {"b", []string{"a"}}})
	require.ErrorContains(t, err, "circle")
}
