package specter

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/draftlabs/specter/pkg/httpx"
)

// router gives each request to the module it belongs to, so that one port serves what a
// proxy would otherwise spread over several processes (deploy/caddy has the same rules).
type router struct {
	gateway, dashboard, auth, health atomic.Pointer[http.Handler]
	// ingest tells which paths are the gateway's; an operator may have renamed them.
	ingest func(path string) bool
}

func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	to := &r.dashboard
	switch path := req.URL.Path; {
	case path == "/healthz/live", path == "/healthz/ready", path == "/version":
		to = &r.health
	case r.ingest(path):
		to = &r.gateway
	case path == "/auth/v1" || strings.HasPrefix(path, "/auth/v1/"):
		to = &r.auth
	}
	if handler := to.Load(); handler != nil {
		(*handler).ServeHTTP(w, req)
		return
	}
	http.NotFound(w, req)
}

// Plain says which requests the gateway answers plainly.
func (r *router) Plain(path string) bool {
	gateway := r.gateway.Load()
	return gateway != nil && r.ingest(path) && httpx.IsPlain(*gateway, path)
}

// mount makes a module's handler reachable; modules without a door are left alone.
func (r *router) mount(module string, handler http.Handler) {
	if handler == nil {
		return
	}
	switch module {
	case "gateway":
		r.gateway.Store(&handler)
	case "dashboard":
		r.dashboard.Store(&handler)
	case "auth":
		r.auth.Store(&handler)
	case "health":
		r.health.Store(&handler)
	}
}
