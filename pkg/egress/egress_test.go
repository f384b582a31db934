package egress_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/egress"
)

func TestSettingsBecomeAPolicy(t *testing.T) {
	t.Parallel()
	s, err := config.Load[egress.Settings](config.Source{
		"SPECTER_WEBHOOK_ALLOW_PRIVATE": "127.0.0.0/8,fd00::/8",
		"SPECTER_WEBHOOK_ALLOW_HTTP":    "true",
		"SPECTER_WEBHOOK_ALLOW_PORTS":   "9000, 9100-9102",
		"SPECTER_PUBLIC_URL":            "https://specter.example.com",
		"SPECTER_WEBHOOK_PROXY":         "http://user:word@10.0.0.1:3128",
	})
	require.NoError(t, err)
	p, err := s.Policy()
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}, p.AllowPrivate)
	require.True(t, p.AllowHTTP)
	require.Equal(t, []uint16{9000, 9100, 9101, 9102}, p.AllowPorts)
	require.Equal(t, []string{"specter.example.com"}, p.OwnHosts)
	require.Equal(t, 15*time.Second, p.Timeout)
	require.Equal(t, "10.0.0.1:3128", p.Proxy.Host)
	require.False(t, p.ProxyResolves)
}

func TestNothingIsAllowedUnlessSaid(t *testing.T) {
	t.Parallel()
	s, err := config.Load[egress.Settings](config.Source{"SPECTER_PUBLIC_URL": "http://127.0.0.1:8080"})
	require.NoError(t, err)
	p, err := s.Policy()
	require.NoError(t, err)
	require.False(t, p.AllowHTTP)
	require.Empty(t, p.AllowPorts)
	require.Empty(t, p.AllowPrivate)
	require.Empty(t, p.OwnHosts, "a receiver beside us on this machine has our address")
}

func TestUnusableSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for _, ports := range []string{"x", "0", "70000", "9-8", "1-"} {
		_, err := egress.Settings{AllowPorts: ports, Timeout: time.Second}.Policy()
		require.ErrorContains(t, err, "SPECTER_WEBHOOK_ALLOW_PORTS", ports)
	}
	for _, proxy := range []string{"socks5://10.0.0.1", "10.0.0.1:3128", "http://", "http://user:hunter2@%zz"} {
		_, err := egress.Settings{Proxy: proxy, Timeout: time.Second}.Policy()
		require.ErrorContains(t, err, "SPECTER_WEBHOOK_PROXY", proxy)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := egress.Settings{Timeout: time.Hour}.Policy()
	require.ErrorContains(t, err, "SPECTER_WEBHOOK_TIMEOUT")
}
