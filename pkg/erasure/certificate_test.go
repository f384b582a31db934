package erasure_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/erasure"
)

const secret = "0123456789abcdef0123456789abcdef"

func signer(t testing.TB, secret string) *erasure.Signer {
	t.Helper()
	s, err := erasure.NewSigner(secret)
	require.NoError(t, err)
	return s
}

func example(account uuid.UUID) erasure.Certificate {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return erasure.Certificate{
		ID: erasure.NewID(), Instance: "https://specter.example.test", Subject: erasure.NewSubject(account),
		RequestedAt: at, StartedAt: at.Add(time.Hour), CompletedAt: at.Add(2 * time.Hour),
		Tables: map[string]int64{"products": 2, "accounts": 1}, Timers: map[string]int64{}, Queues: map[string]int64{"SIGNALS": 3},
		Parties: map[string]string{"auth": "deleted"}, Catalog: 4, Remains: []erasure.Remain{{Where: "backups <&>", Until: "the operator's rule"}},
	}
}

func TestASignedCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	account := uuid.New()
	c := example(account)
	text, err := signer(t, secret).Sign(c)
	require.NoError(t, err)
	got, key, err := erasure.Verify(text)
	require.NoError(t, err)
	c.Type = erasure.Type
	require.Equal(t, c, got)
	require.Equal(t, signer(t, secret).PublicKey(), key, "the key comes from the secret alone")
	require.NotEqual(t, signer(t, secret+"x").PublicKey(), key)
	require.NotContains(t, string(text), account.String())
	require.True(t, got.Subject.Is(account))
	require.False(t, got.Subject.Is(uuid.New()))
	require.NotEqual(t, erasure.NewSubject(account).Hash, got.Subject.Hash, "two certificates about one account cannot be told to be")

	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, text))
	_, _, err = erasure.Verify(compact.Bytes())
	require.NoError(t, err, "white space and order do not matter")
}

func TestAChangedCertificateIsRefused(t *testing.T) {
	t.Parallel()
	good, err := signer(t, secret).Sign(example(uuid.New()))
	require.NoError(t, err)
	other, err := signer(t, secret+"other").Sign(example(uuid.New()))
	require.NoError(t, err)
	var a, b erasure.Document
	require.NoError(t, json.Unmarshal(good, &a))
	require.NoError(t, json.Unmarshal(other, &b))
	a.Signature.PublicKey = b.Signature.PublicKey
	swapped, err := json.Marshal(a)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"a count":        strings.Replace(string(good), `"products": 2`, `"products": 3`, 1),
		"a time":         strings.Replace(string(good), "2026-03-01T13", "2026-03-01T10", 1),
		"a key":          string(swapped),
		"nothing":        "",
		"another thing":  "{}",
		"two values":     string(good) + "{}",
		"one more field": strings.Replace(string(good), `"certificate":`, `"extra": 1, "certificate":`, 1),
	} {
		require.NotEqual(t, string(good), text, name)
		_, _, err := erasure.Verify([]byte(text))
		require.Error(t, err, name)
	}
	_, err = erasure.NewSigner("short")
	require.Error(t, err)
}

func FuzzVerify(f *testing.F) {
	good, err := signer(f, secret).Sign(example(uuid.Nil))
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"certificate":{"type":"specter.account_deletion.v1"},"signature":{"algorithm":"Ed25519"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, key, err := erasure.Verify(text)
		if err == nil && (c.Type != erasure.Type || len(key) == 0) {
			t.Fatal("accepted what is no certificate")
		}
	})
}
