package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/pkg/throttle"
	"github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/analytics"
	"github.com/draftlabs/specter/services/dashboard/internal/auditlog"
	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/calibration"
	"github.com/draftlabs/specter/services/dashboard/internal/decision"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
	"github.com/draftlabs/specter/services/dashboard/internal/hook"
	"github.com/draftlabs/specter/services/dashboard/internal/importing"
	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/privacy"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
	"github.com/draftlabs/specter/services/dashboard/internal/receipt"
	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
	"github.com/draftlabs/specter/services/dashboard/internal/share"
	"github.com/draftlabs/specter/services/dashboard/internal/takeout"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// bodyLimit bounds a request; the largest is a batch of imported signals.
const bodyLimit = 4 << 20

// Options are what the API is made of.
type Options struct {
	Log        *zap.Logger
	Registerer prometheus.Registerer
	PublicURL  string // https makes cookies Secure; its origin may send writes
	// TrustedProxies are believed when they say whom a request comes from.
	TrustedProxies []netip.Prefix
	Web            http.Handler
	Now            func() time.Time

	// Certificates of deleted accounts, and the key that they are signed with now.
	Certificates   Certificates
	CertificateKey []byte

	Accounts    *account.Service
	Billing     *billing.Service
	Products    *product.Service
	Insights    *insight.Service
	Calibration *calibration.Service
	Decisions   *decision.Service
	Deployments *deployment.Service
	Hooks       *hook.Service
	Endpoints   *endpoint.Service
	Live        endpoint.Live
	Imports     *importing.Service
	Usage       *usage.Service
	Refusals    *refusal.Service
	Receipts    *receipt.Service
	Shares      *share.Service
	AuditLog    *auditlog.Service
	Exports     *takeout.Service
	Privacy     *privacy.Service
	Analytics   *analytics.Service
	Relay       Relay // nil where the use of the dashboard is not measured
	// TailInterval is how often a live tail looks for new signals; 0 means a second.
	TailInterval time.Duration
}

// api answers the contract's operations.
type api struct {
	Options
	cookies cookies
	guard   guard
	client  echo.IPExtractor // whose address a request comes from
	tails   *tails
	shared  *shared
}

var _ dashboardapi.StrictServerInterface = (*api)(nil)

// New returns the handler of the API, with the web app at every address that is not the API's.
func New(o Options) (http.Handler, error) {
	public, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("reading SPECTER_PUBLIC_URL: %w", err)
	}
	https := public.Scheme == "https"
	operations, err := readOperations()
	if err != nil {
		return nil, err
	}
	origins := http.NewCrossOriginProtection()
	if public.Host != "" {
		// A proxy may pass another Host on; the browser knows only the public address.
		if err := origins.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return nil, fmt.Errorf("reading SPECTER_PUBLIC_URL: %w", err)
		}
	}
	client := trusting(o.TrustedProxies)
	pages, err := newShared(o.Shares, client, o.Now)
	if err != nil {
		return nil, err
	}
	statements, err := newPrivacyPage(o.Privacy)
	if err != nil {
		return nil, err
	}
	a := &api{
		Options: o, cookies: cookies{secure: https}, guard: newGuard(o.Now), client: client, tails: newTails(o.TailInterval), shared: pages,
	}

	e := httpx.NewEcho(o.Log, httpx.Options{Service: "dashboard", BodyLimit: bodyLimit, HTTPS: https, Registerer: o.Registerer, Headers: isolation()})
	e.JSONSerializer = strictJSON{}
	middlewares := map[string][]echo.MiddlewareFunc{}
	for id, op := range operations {
		middlewares[id] = []echo.MiddlewareFunc{
			sameOrigin(origins), // first: a forged request learns nothing, not even whether the cookie is good
			readableQuery,
			a.authenticate(op), // who, and whether the contract lets them
			etags,              // only good answers have a tag
			plainParameters,    // last: it speaks for the generated binding
		}
	}
	dashboardapi.RegisterHandlersWithOptions(e, dashboardapi.NewStrictHandler(a, nil), dashboardapi.RegisterHandlersOptions{OperationMiddlewares: middlewares})
	// Their addresses or their signatures are the credentials, and their bodies are read as they came.
	e.POST("/api/hooks/deploy/:token", a.receiveDeployReport, readableQuery)
	e.POST("/api/hooks/github/:product_id", a.receiveGitHubDelivery)
	e.POST("/api/hooks/stripe", a.receiveStripeEvent)
	e.GET("/api/hooks/*", func(echo.Context) error { return echo.ErrMethodNotAllowed }) // a link that a chat previews reports nothing
	e.GET(sharedPath+":link", pages.serve)
	e.HEAD(sharedPath+":link", pages.serve)
	proofs := &certificates{ledger: o.Certificates, key: o.CertificateKey, visitors: throttle.New(visitsBurst, visitsEvery, o.Now), address: pages.address}
	e.GET(certificatesPath+":id", proofs.serve)
	e.HEAD(certificatesPath+":id", proofs.serve)
	e.GET(erasure.KeysPath, proofs.keys)
	e.HEAD(erasure.KeysPath, proofs.keys)
	e.GET("/privacy", statements.serve)
	e.HEAD("/privacy", statements.serve)
	e.GET("/privacy.json", statements.document)
	e.HEAD("/privacy.json", statements.document)
	e.POST(measurePath+analytics.CapturePath, a.measure, sameOrigin(origins))
	e.Any(measurePath+"/*", func(echo.Context) error { return httpx.ErrNotFound }) // no other path of PostHog is passed on
	e.GET(account.CallbackPath, a.finishProvider)
	e.Any("/api/*", func(echo.Context) error { return httpx.ErrNotFound })
	e.GET("/*", echo.WrapHandler(o.Web))
	e.HEAD("/*", echo.WrapHandler(o.Web))
	return e, nil
}

// isolation is what keeps our pages and answers to themselves, on every answer beside those of httpx.
func isolation() http.Header {
	return http.Header{
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Cache-Control":                {"no-store"}, // files of the web app say otherwise
		"Permissions-Policy":           {"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
	}
}

// trusting reads the client's address from X-Forwarded-For as far as the proxies that wrote it are known.
func trusting(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		p = p.Masked()
		options = append(options, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

var errOpaqueOrigin = errors.New("its origin is null")

func sameOrigin(p *http.CrossOriginProtection) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			err := p.Check(r)
			if err == nil && r.Header.Get("Origin") == "null" {
				err = errOpaqueOrigin // a sandboxed frame, a file: whatever it is, it is not the web app
			}
			if err != nil {
				return fault.Wrap(err, fault.Forbidden, "cross_origin", "This request comes from another site.")
			}
			return next(c)
		}
	}
}
