package sealed_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/sealed"
)

const secret = "0123456789abcdef0123456789abcdef"

func box(t *testing.T, secret, label string) *sealed.Box {
	t.Helper()
	b, err := sealed.NewBox(secret, label)
	require.NoError(t, err)
	return b
}

func TestWhatWasSealedOpensAgain(t *testing.T) {
	t.Parallel()
	b := box(t, secret, sealed.WebhookSecret)
	for _, plaintext := range []string{"", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		opened, err := b.Open(b.Seal([]byte(plaintext)))
		require.NoError(t, err)
		require.Equal(t, plaintext, string(opened))
	}
	require.NotEqual(t, b.Seal([]byte("same")), b.Seal([]byte("same")), "each has its own nonce")
	require.NotContains(t, string(b.Seal([]byte("whsec_readable"))), "readable")
}

func TestNothingElseOpens(t *testing.T) {
	t.Parallel()
	b := box(t, secret, sealed.WebhookSecret)
	value := b.Seal([]byte("whsec_x"))
	for name, other := range map[string]*sealed.Box{
		"another key":     box(t, secret+"x", sealed.WebhookSecret),
		"another purpose": box(t, secret, sealed.IngestKey),
	} {
		_, err := other.Open(value)
		require.ErrorIs(t, err, sealed.ErrSealed, name)
	}
	for i := range value {
		changed := append([]byte(nil), value...)
		changed[i] ^= 1
		_, err := b.Open(changed)
		require.ErrorIs(t, err, sealed.ErrSealed)
		_, err = b.Open(value[:i])
		require.ErrorIs(t, err, sealed.ErrSealed)
	}
}

func TestAShortSecretKeyIsRefused(t *testing.T) {
	t.Parallel()
	_, err := sealed.NewBox("short", sealed.WebhookSecret)
	require.ErrorContains(t, err, "at least 32")
}
