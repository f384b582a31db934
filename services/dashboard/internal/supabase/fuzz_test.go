package supabase

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// FuzzToken: only what was signed with the secret, by the pinned algorithm, is believed.
func FuzzToken(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const secret, issuer = "a secret of the test, long enough", "https://auth.test/auth/v1"
	good := jwt.MapClaims{
		"iss": issuer, "aud": "authenticated", "role": "authenticated", "sub": uuid.NewString(), "email": "a@example.com",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384} {
		token, err := jwt.NewWithClaims(method, good).SignedString([]byte(secret))
		require.NoError(f, err)
		f.Add(token)
	}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, good).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(f, err)
	f.Add(none)
	f.Add("..")
	f.Add("eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.e30.")
	v := newVerifier(f.Context(), Options{URL: "http://127.0.0.1:1", JWTSecret: secret, Issuer: issuer, Now: func() time.Time { return now }})
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.verify(t.Context(), token)
		if err != nil {
			return
		}
		require.Equal(t, "authenticated", c.Role)
		parsed, parts, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
		require.NoError(t, err)
		require.Equal(t, "HS256", parsed.Method.Alg())
		require.NoError(t, jwt.SigningMethodHS256.Verify(parts[0]+"."+parts[1], parsed.Signature, []byte(secret)))
	})
}
