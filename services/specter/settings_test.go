package specter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// Up vouches for the broker that it brings, and for no other.
func TestUpSaysThatItsOwnBrokerSyncs(t *testing.T) {
	t.Parallel()
	dir, err := datadir.Claim(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Release()) })
	for url, want := range map[string]string{"": "true", "nats://elsewhere:4222": ""} {
		src, err := withSecrets(config.Source{"SPECTER_NATS_URL": url, "SPECTER_PUBLIC_URL": "https://specter.example"}, Config{}, dir, "127.0.0.1:8080")
		require.NoError(t, err)
		require.Equal(t, want, src["SPECTER_NATS_SYNC_ALWAYS"])
	}
}
