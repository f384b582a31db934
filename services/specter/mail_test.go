package specter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/mail/mailtest"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/testkit/program"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

// With a mail server people confirm their address; the first account needs nobody's mail.
func TestUpWithAMailServerHasPeopleConfirmTheirAddress(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	p := newPlace(t)
	p.env = append(p.env, "SPECTER_SMTP_URL="+server.URL, "SPECTER_MAIL_FROM=Specter <specter@example.com>")
	s := p.up(t)
	facts := p.facts(t)
	require.NotContains(t, s.out.String(), "mail list")
	require.Contains(t, waysOf(t, facts.URL), `"sends_mail":true`)
	require.Empty(t, server.Inbox(facts.Email))

	const address, password = "ann@example.com", "correct horse battery"
	c, err := client.New(facts.URL, "")
	require.NoError(t, err)
	t.Cleanup(c.Close)
	var session struct {
		Session struct {
			CSRFToken string `json:"csrf_token"`
		} `json:"session"`
	}
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := http.Client{Jar: jar}
	ask := func(path string, body map[string]string) *http.Response {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, facts.URL+path, bytes.NewReader(text))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-CSRF-Token", session.Session.CSRFToken)
		response, err := browser.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		if response.StatusCode == http.StatusOK {
			require.NoError(t, json.NewDecoder(response.Body).Decode(&session))
		}
		return response
	}
	require.Equal(t, http.StatusAccepted, ask("/api/v1/auth/sign-up", map[string]string{"email": address}).StatusCode)
	_, err = c.LogIn(t.Context(), address, password)
	require.ErrorContains(t, err, "is not confirmed yet")
	link := regexp.MustCompile(`https?://\S+/auth/confirm\?\S+`).FindString(server.Await(t, address, 1).Text)
	require.True(t, strings.HasPrefix(link, facts.URL+"/auth/confirm?"), link)
	for range 2 { // as programs do that look at mails
		response, err := http.Get(link)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Less(t, response.StatusCode, http.StatusInternalServerError)
	}
	page, err := url.Parse(link)
	require.NoError(t, err)
	confirmed := ask("/api/v1/auth/confirm", map[string]string{"token_hash": page.Query().Get("token_hash"), "type": page.Query().Get("type")})
	require.Equal(t, http.StatusOK, confirmed.StatusCode)
	require.NotEmpty(t, confirmed.Cookies())
	require.Equal(t, http.StatusOK, ask("/api/v1/account/password", map[string]string{"new_password": password}).StatusCode)
	_, err = c.LogIn(t.Context(), address, password)
	require.NoError(t, err)
	s.stop(syscall.SIGTERM)
}

// waysOf is what the sign-in page is told.
func waysOf(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address + "/api/v1/auth/ways")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// Without one every address is believed, and the operator is told where links are.
func TestUpWithoutAMailServerKeepsMailForTheOperator(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.up(t)
	facts := p.facts(t)
	require.Contains(t, s.out.String(), "mail list")
	require.Contains(t, waysOf(t, facts.URL), `"sends_mail":false`)
	response, err := http.Post(facts.URL+"/auth/v1/recover", "application/json", strings.NewReader(`{"email":"`+facts.Email+`"}`))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Less(t, s.stop(syscall.SIGTERM), stopTime) // what was asked for is still written

	show := exec.CommandContext(t.Context(), binary, "mail", "show", "-o", "json")
	show.Env = p.env
	out, err := show.Output()
	require.NoError(t, err)
	var kept struct{ To, Subject, Text string }
	require.NoError(t, json.NewDecoder(bytes.NewReader(out)).Decode(&kept))
	require.Equal(t, facts.Email, kept.To)
	require.Contains(t, kept.Text, "/auth/confirm?")
}

// The page /privacy says how long kept mail stays, whatever runs and whether or not more mail comes.
func TestServeRemovesOldKeptMailToo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mails := t.TempDir()
	old := filepath.Join(mails, "20200102T030405.000000000Z-ABCDEFGH.eml")
	require.NoError(t, os.WriteFile(old, []byte("To: ann@example.com\nSubject: a link\n\nhttps://example.com\n"), 0o600))
	p.env = append(p.env, "SPECTER_MAIL_DIR="+mails, "SPECTER_NATS_URL="+testkit.NATS(t).URL, "SPECTER_PUBLIC_URL=http://127.0.0.1",
		"SPECTER_HTTP_ADDR="+freeAddr(t), "SPECTER_BOOTSTRAP_FILE=")
	s := p.start(t, "gateway ready", "serve", "--target=gateway")
	program.Await(t, startTime, "the old mail to go", func() bool {
		_, err := os.Stat(old)
		return errors.Is(err, fs.ErrNotExist)
	})
	s.stop(syscall.SIGTERM)
}
