package dashboard_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/dashboard"
)

func TestSettingsAreCheckedBeforeAnythingIsOpened(t *testing.T) {
	t.Parallel()
	good := config.Source{
		"SPECTER_DATABASE_URL": "postgres://localhost/specter", "SPECTER_SECRET_KEY": secretKey,
		"SPECTER_SUPABASE_AUTH_URL": "http://127.0.0.1:9999", "SPECTER_SUPABASE_JWT_SECRET": jwtSecret,
	}
	require.NoError(t, dashboard.Module().Check(good))
	delete(good, "SPECTER_SUPABASE_JWT_SECRET")
	require.NoError(t, dashboard.Module().Check(good), "the auth server's address says where its keys are")
	for name, c := range map[string]struct{ value, want string }{
		"SPECTER_SECRET_KEY":             {"thirty-one bytes are not enough", "at least 32"},
		"SPECTER_SUPABASE_AUTH_URL":      {"auth:9999", "must be an https:// or http:// URL"},
		"SPECTER_SUPABASE_JWKS_URL":      {"keys.json", "must be an https:// or http:// URL"},
		"SPECTER_ACCOUNT_DELETION_GRACE": {"697h", "from 0s to 696h"},
		"SPECTER_PUBLIC_URL":             {"specter.example", "must be an https:// or http:// URL"},
		"SPECTER_WEBHOOK_ALLOW_PORTS":    {"http", "SPECTER_WEBHOOK_ALLOW_PORTS"},
		"SPECTER_SUPABASE_AUTH_URI":      {"x", "did you mean SPECTER_SUPABASE_AUTH_URL?"},
	} {
		src := config.Source{}
		for k, v := range good {
			src[k] = v
		}
		src[name] = c.value
		require.ErrorContains(t, dashboard.Module().Check(src), c.want, name)
	}
	for _, s := range dashboard.Module().Settings {
		require.NotEmpty(t, s.Doc, s.Name)
	}
}
