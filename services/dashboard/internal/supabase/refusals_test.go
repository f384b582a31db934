package supabase_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

// TestRefusalsMeanSomethingToPeople in each of the forms that Supabase Auth gives them: by a number and a word, by a word
// alone (2024-01-01), and as OAuth has it (before 2024).
func TestRefusalsMeanSomethingToPeople(t *testing.T) {
	t.Parallel()
	for answer, c := range map[string]struct {
		status int
		kind   fault.Kind
		code   string
	}{
		`{"code":400,"error_code":"invalid_credentials","msg":"Invalid login credentials"}`:                          {400, fault.Unauthenticated, "invalid_credentials"},
		`{"code":"invalid_credentials","message":"Invalid login credentials"}`:                                       {400, fault.Unauthenticated, "invalid_credentials"},
		`{"error":"invalid_grant","error_description":"Invalid login credentials"}`:                                  {400, fault.Unauthenticated, "invalid_credentials"},
		`{"error":"invalid_grant","error_description":"Email not confirmed"}`:                                        {400, fault.Unauthenticated, "invalid_credentials"},
		`{"code":400,"error_code":"email_not_confirmed","msg":"Email not confirmed"}`:                                {400, fault.Unauthenticated, "invalid_credentials"},
		`{"code":400,"error_code":"user_banned","msg":"User is banned"}`:                                             {400, fault.Forbidden, "user_banned"},
		`{"code":422,"error_code":"email_provider_disabled","msg":"Email logins are disabled"}`:                      {422, fault.Forbidden, "email_disabled"},
		`{"code":400,"error_code":"captcha_failed","msg":"captcha protection: request disallowed"}`:                  {400, fault.Unavailable, "unavailable"},
		`{"code":429,"error_code":"over_request_rate_limit","msg":"Request rate limit reached"}`:                     {429, fault.RateLimited, "rate_limited"},
		`{"code":422,"error_code":"weak_password","msg":"too short","weak_password":{"reasons":["length"]}}`:         {422, fault.Invalid, "invalid_request"},
		`{"code":400,"error_code":"email_address_not_authorized","msg":"cannot be used as it is not authorized"}`:    {400, fault.Invalid, "invalid_request"},
		`{"code":500,"error_code":"unexpected_failure","msg":"Database error querying schema","error_id":"1-2-3-4"}`: {500, fault.Unavailable, "unavailable"},
		`<html>Bad gateway</html>`: {502, fault.Unavailable, "unavailable"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(server.Close)
		client := supabase.New(t.Context(), supabase.Options{URL: server.URL, Now: time.Now})
		t.Cleanup(client.Close)
		_, err := client.SignIn(t.Context(), "a@example.test", "password")
		require.True(t, fault.Is(err, c.kind), "%s: %v", answer, err)
		require.Equal(t, c.code, fault.As(err).Code, answer)
	}
}

// TestARefreshThatIsRefusedIsOver, whatever the version's word for it; one that came too close to another is not.
func TestARefreshThatIsRefusedIsOver(t *testing.T) {
	t.Parallel()
	for answer, c := range map[string]struct {
		status int
		over   bool
	}{
		`{"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token: Refresh Token Not Found"}`:  {400, true},
		`{"code":400,"error_code":"refresh_token_already_used","msg":"Invalid Refresh Token: Already Used"}`:          {400, true},
		`{"code":400,"error_code":"session_expired","msg":"Invalid Refresh Token: Session Expired"}`:                  {400, true},
		`{"code":400,"error_code":"validation_failed","msg":"Refresh token is not valid"}`:                            {400, true},
		`{"code":400,"error_code":"user_banned","msg":"Invalid Refresh Token: User Banned"}`:                          {400, true},
		`{"error":"invalid_grant","error_description":"Invalid Refresh Token"}`:                                       {400, true},
		`{"code":409,"error_code":"conflict","msg":"Too many concurrent token refresh requests on the same session"}`: {409, false},
		`{"code":429,"error_code":"over_request_rate_limit","msg":"Request rate limit reached"}`:                      {429, false},
		`{"code":500,"error_code":"unexpected_failure","msg":"Unexpected failure"}`:                                   {500, false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(server.Close)
		client := supabase.New(t.Context(), supabase.Options{URL: server.URL, Now: time.Now})
		t.Cleanup(client.Close)
		_, err := client.Refresh(t.Context(), "a token")
		require.Error(t, err)
		if c.over {
			require.ErrorIs(t, err, account.ErrRefused, answer)
		} else {
			require.NotErrorIs(t, err, account.ErrRefused, answer)
		}
	}
}
