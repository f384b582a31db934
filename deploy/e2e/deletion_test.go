package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestAccountDeletion: who leaves is locked out at once, and in the end nothing knows them.
func TestAccountDeletion(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			customer := newReceiver(t)
			testAccountDeletion(t, mode.start(t, customer), customer)
		})
	}
}

func testAccountDeletion(t *testing.T, stays *system, customer *receiver) {
	gone := signUp(t, stays.URL)
	here, elsewhere := parts.NewPerson(t, gone.URL), parts.NewPerson(t, gone.URL)
	here.SignIn(t, gone.Email, gone.Password)
	elsewhere.SignIn(t, gone.Email, gone.Password)
	before := call[api.Account](t, here, http.MethodGet, "/api/v1/account", nil)
	endpoint := call[api.CreatedEndpoint](t, here, http.MethodPost, "/api/v1/webhook-endpoints", map[string]string{"url": customer.server.URL + "/hook"})
	for _, s := range []*system{gone, stays} {
		status, answer := s.post(t, "/api/signals", s.IngestKey, fmt.Sprintf(`[{"id":%q,"context_id":%q,"type":"page_view"}]`, uuid.NewString(), s.ContextID))
		require.Equal(t, http.StatusOK, status, answer)
	}
	program.Await(t, 30*time.Second, "the signals to be stored", func() bool {
		return countSignals(t, gone, gone.ProductID) == 1 && countSignals(t, stays, stays.ProductID) == 1
	})

	deleted := call[api.Account](t, here, http.MethodPost, "/api/v1/account/deletion", api.DeletionRequest{ConfirmEmail: gone.Email})
	asked := time.Now()
	require.NotNil(t, deleted.PurgeAt)
	refused(t, gone, http.StatusForbidden, "account_closed")
	refused(t, here, http.StatusForbidden, "account_closed")
	refused(t, elsewhere, http.StatusUnauthorized, "session_ended")
	program.Await(t, time.Second-time.Since(asked), "the ingest key to be refused", func() bool {
		status, _ := gone.post(t, "/api/signals", gone.IngestKey, `[]`)
		return status == http.StatusUnauthorized || status == http.StatusForbidden
	})

	program.Await(t, time.Minute, "the purge", func() bool {
		res, _ := here.Do(t, http.MethodGet, "/api/v1/account", nil)
		return res.StatusCode == http.StatusUnauthorized
	})
	// The e-mail address is free as soon as the auth server has forgotten its owner.
	again := parts.NewPerson(t, gone.URL)
	replaced := "another long password"
	program.Await(t, 2*time.Minute, "the auth server to forget the owner", func() bool {
		status, answer := again.Try(t, "/api/v1/auth/sign-up", gone.Email, replaced)
		require.Contains(t, []int{http.StatusCreated, http.StatusConflict, http.StatusTooManyRequests}, status, answer)
		return status == http.StatusCreated
	})
	status, answer := parts.NewPerson(t, gone.URL).Try(t, "/api/v1/auth/login", gone.Email, gone.Password)
	require.Equal(t, http.StatusUnauthorized, status, answer)
	require.Contains(t, answer, `"invalid_credentials"`)
	again.SignIn(t, gone.Email, replaced)

	after := call[api.Account](t, again, http.MethodGet, "/api/v1/account", nil)
	require.NotEqual(t, before.Id, after.Id)
	require.Nil(t, after.PurgeAt)
	require.Empty(t, call[api.ProductPage](t, again, http.MethodGet, "/api/v1/products", nil).Items)
	require.Empty(t, call[api.AccessTokenPage](t, again, http.MethodGet, "/api/v1/tokens", nil).Items)
	require.Empty(t, call[api.EndpointPage](t, again, http.MethodGet, "/api/v1/webhook-endpoints", nil).Items)
	for _, path := range []string{"/products/" + gone.ProductID.String(), "/contexts/" + gone.ContextID.String(), "/webhook-endpoints/" + endpoint.Endpoint.Id.String()} {
		res, answer := again.Do(t, http.MethodGet, "/api/v1"+path, nil)
		require.Equal(t, http.StatusNotFound, res.StatusCode, "%s: %s", path, answer)
	}
	refused(t, gone, http.StatusUnauthorized, "invalid_key")
	status, answer = gone.post(t, "/api/signals", gone.IngestKey, `[]`)
	require.Equal(t, http.StatusUnauthorized, status, answer)

	require.Equal(t, 1, countSignals(t, stays, stays.ProductID), "the neighbour lost nothing")
	status, answer = stays.post(t, "/api/signals", stays.IngestKey, `[]`)
	require.NotEqual(t, http.StatusUnauthorized, status, answer)
}

// refused asks once.
func refused(t *testing.T, c parts.Caller, status int, code string) {
	t.Helper()
	res, answer := c.Do(t, http.MethodGet, "/api/v1/products", nil)
	require.Equal(t, status, res.StatusCode, "%s", answer)
	require.Contains(t, string(answer), `"`+code+`"`)
}
