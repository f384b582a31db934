package auth_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go/types"

	"github.com/draftlabs/specter/services/specter/infra/auth"
)

const intruders = "intruder's choice"

// begin signs an address up, to wait for its link.
func (s *testServer) begin(t *testing.T, password string) {
	t.Helper()
	status, answer := s.post(t, "/signup", guess(password))
	require.Equal(t, http.StatusOK, status, answer)
}

// Whoever signs an address up last, the link that its reader asks for confirms nobody's password but the one that
// the reader then chooses.
func TestALinkAskedForAgainConfirmsNobodysPassword(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]struct{ path, body string }{
		"resend":  {"/resend", `{"type":"signup","email":"` + email + `"}`},
		"recover": {"/recover", `{"email":"` + email + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, confirming)
			s.begin(t, password)
			persons, _ := s.mailed(t, email, 1)
			s.clock.Advance(time.Minute)
			s.begin(t, intruders)
			replaced, code := s.mailed(t, email, 2)
			s.clock.Advance(time.Minute)
			status, answer := s.post(t, again.path, again.body)
			require.Equal(t, http.StatusOK, status, answer)
			link, _ := s.mailed(t, email, 3)
			require.Contains(t, s.mails.Await(t, email, 3).Text, "choose one", "its reader is told")

			require.Equal(t, http.StatusForbidden, s.useToken(t, "signup", persons))
			require.Equal(t, http.StatusForbidden, s.useToken(t, "signup", replaced))
			require.Equal(t, http.StatusForbidden, s.useCode(t, email, code))
			status, answer = s.post(t, "/verify", `{"type":"signup","token_hash":"`+link+`"}`)
			require.Equal(t, http.StatusOK, status, answer)
			var session types.Session
			require.NoError(t, json.Unmarshal([]byte(answer), &session))
			for _, nobodys := range []string{intruders, password, ""} {
				status, answer := s.post(t, signInPath, guess(nobodys))
				require.Equal(t, http.StatusBadRequest, status, answer)
			}
			chosen := "what its reader chooses"
			_, err := s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Password: &chosen})
			require.NoError(t, err)
			_, err = s.client.SignInWithEmailPassword(email, chosen)
			require.NoError(t, err)
		})
	}
}

// A link that was asked for again keeps what else its sign-up said, and a sign-up after it has a password again.
func TestASignUpAfterALinkAskedForAgainHasItsOwnPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	status, answer := s.post(t, "/signup", `{"email":"`+email+`","password":"`+intruders+`","data":{"name":"Ada"}}`)
	require.Equal(t, http.StatusOK, status, answer)
	s.mailed(t, email, 1)
	s.clock.Advance(23 * time.Hour)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	again, _ := s.mailed(t, email, 2)
	s.clock.Advance(23 * time.Hour) // it is as good as a new one
	status, answer = s.post(t, "/verify", `{"type":"signup","token_hash":"`+again+`"}`)
	require.Equal(t, http.StatusOK, status, answer)
	require.Contains(t, answer, `"user_metadata":{"name":"Ada"}`)

	s = newServer(t, confirming)
	s.begin(t, intruders)
	s.mailed(t, email, 1)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	s.mailed(t, email, 2)
	s.clock.Advance(time.Minute)
	s.begin(t, password)
	link, _ := s.mailed(t, email, 3)
	require.Equal(t, http.StatusOK, s.useToken(t, "signup", link))
	_, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
}

// A sign-up of somebody's address gives whoever made it no more guesses at that person's password.
func TestAWaitingSignUpForgivesNoGuess(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	s.begin(t, intruders)
	for range 9 {
		status, answer := s.post(t, signInPath, guess("guess"))
		require.Equal(t, http.StatusBadRequest, status, answer)
	}
	status, answer := s.post(t, signInPath, guess(intruders))
	require.Equal(t, http.StatusBadRequest, status, answer)
	require.Contains(t, answer, `"invalid_credentials"`, "it does not tell that a sign-up waits")
	for _, tried := range []string{intruders, "guess", password} {
		status, answer = s.post(t, signInPath, guess(tried))
		require.Equal(t, http.StatusTooManyRequests, status, answer)
	}
	s.clock.Advance(10 * time.Second)
	status, answer = s.post(t, signInPath, guess(intruders))
	require.Equal(t, http.StatusBadRequest, status, answer)
	status, answer = s.post(t, signInPath, guess(password))
	require.Equal(t, http.StatusTooManyRequests, status, answer)
	s.clock.Advance(10 * time.Second)
	status, answer = s.post(t, signInPath, guess(password))
	require.Equal(t, http.StatusOK, status, answer)
}

// Whatever is asked about an address in whatever order, and however long ago: the answers, and the hashing for them,
// are the same whether there is such a user or not.
func TestNoSequenceOfRequestsTellsWhoIsThere(t *testing.T) {
	t.Parallel()
	for _, apart := range []time.Duration{time.Hour, 24 * time.Hour} {
		t.Run(apart.String(), func(t *testing.T) {
			t.Parallel()
			var hashed atomic.Int64
			s := newServer(t, confirming, func(o *auth.Options) {
				// Hundreds of people sign in here; it is how often there is work that counts.
				auth.CountHashes(o, func(password, salt []byte, _, _ uint32, _ uint8, _ uint32) []byte {
					hashed.Add(1)
					sum := sha256.Sum256(append(salt, password...))
					return sum[:]
				})
			})
			told := func(path, address string, fields string) string {
				before := hashed.Load()
				status, answer := s.post(t, path, `{"email":"`+address+`"`+fields+`}`)
				return fmt.Sprintf("%d after %d hashes: %s", status, hashed.Load()-before, withoutIdentity(t, answer, address))
			}
			type person struct{ known, unknown string }
			all := sequences("signup", "otp", "otp for users", "recover", "resend")
			people := make([]person, len(all))
			for i := range all {
				people[i] = person{fmt.Sprintf("known%d@example.test", i), fmt.Sprintf("other%d@example.test", i)}
				s.admit(t, people[i].known)
			}
			same := func(i int, what, path, fields string) {
				require.Equal(t, told(path, people[i].known, fields), told(path, people[i].unknown, fields), "%s after %v, %s apart", what, all[i], apart)
			}
			for step := range 3 {
				if step > 0 {
					s.clock.Advance(apart)
				}
				for i, sequence := range all {
					if step < len(sequence) {
						c := requests[sequence[step]]
						same(i, sequence[step], c.path, c.fields)
					}
				}
				auth.Settle(s.server)
			}
			for _, later := range []time.Duration{0, time.Hour, 21*time.Hour + time.Minute, time.Hour, 24 * time.Hour} {
				s.clock.Advance(later)
				for i := range all {
					same(i, "signing in", signInPath, `,"password":"`+intruders+`"`)
					if later == 0 {
						same(i, "a wrong code", "/verify", `,"type":"email","token":"00000000"`)
					}
				}
			}
		})
	}
}

// Counting a wrong code takes longer than finding that there is none: no answer comes early enough to show it.
func TestTheTimeOfAWrongCodeDoesNotTellWhoIsThere(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	for _, address := range []string{email, "nobody@example.test", "no address"} {
		status, _ := s.post(t, "/otp", `{"email":"`+address+`","create_user":false}`)
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, status)
		auth.Settle(s.server)
		for range 6 { // the last one after the code has ended
			began := time.Now()
			require.Equal(t, http.StatusForbidden, s.useCode(t, address, "0000"))
			require.GreaterOrEqual(t, time.Since(began), auth.WrongCodeTime, address)
		}
	}
	_, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
}

// requests that may begin something about an address, by what they are called above.
var requests = map[string]struct{ path, fields string }{
	"signup":        {"/signup", `,"password":"` + intruders + `"`},
	"otp":           {"/otp", ``},
	"otp for users": {"/otp", `,"create_user":false`},
	"recover":       {"/recover", ``},
	"resend":        {"/resend", `,"type":"signup"`},
}

// sequences of two and of three of some names.
func sequences(names ...string) (all [][]string) {
	for _, first := range names {
		for _, second := range names {
			all = append(all, []string{first, second})
			for _, third := range names {
				all = append(all, []string{first, second, third})
			}
		}
	}
	return all
}

// withoutIdentity is an answer without the address that was asked about and without what is new every time.
func withoutIdentity(t *testing.T, answer, address string) string {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(answer, address, "")), &fields), answer)
	delete(fields, "id")
	if identities, ok := fields["identities"].([]any); ok {
		require.Len(t, identities, 1)
		identity := identities[0].(map[string]any)
		for _, id := range []string{"id", "user_id", "identity_id"} {
			require.NotEmpty(t, identity[id])
			delete(identity, id)
		}
		delete(identity["identity_data"].(map[string]any), "sub")
	}
	text, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(text)
}
