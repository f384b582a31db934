package posthog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/draftlabs/specter/services/dashboard/internal/analytics"
)

const (
	dialAnswer = 5 * time.Second
	maxIdle    = 4
	idleTime   = time.Minute
	tellEvery  = 10 * time.Minute
	// maxBusy bounds how many views wait for PostHog; more are dropped, for a view is worth no queue.
	maxBusy = 16
)

// Relay passes views on.
type Relay struct {
	key       string
	site      string
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	busy      chan struct{}
	log       *zap.Logger
	told      rate.Sometimes
}

// CheckHost refuses what is no address of a PostHog: https, or http on this machine.
func CheckHost(host string) (*url.URL, error) {
	u, err := url.Parse(host)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("it must be an address such as https://eu.i.posthog.com, without path, user or query")
	}
	local := u.Hostname() == "localhost"
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		local = addr.IsLoopback()
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, errors.New("it must be https://")
	}
	return u, nil
}

// New returns a Relay to host with the project's key. site is the dashboard's public address, under
// which the pages are named.
func New(host, key, site string, log *zap.Logger) (*Relay, error) {
	target, err := CheckHost(host)
	if err != nil {
		return nil, fmt.Errorf("SPECTER_POSTHOG_HOST: %w", err)
	}
	r := &Relay{
		key: key, site: strings.TrimRight(site, "/"), busy: make(chan struct{}, maxBusy), log: log, told: rate.Sometimes{Interval: tellEvery},
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: dialAnswer, TLSHandshakeTimeout: dialAnswer,
			MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTime, ForceAttemptHTTP2: true,
		},
	}
	r.proxy = &httputil.ReverseProxy{
		Transport: r.transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = &url.URL{Scheme: target.Scheme, Host: target.Host, Path: analytics.CapturePath}
			p.Out.Host = target.Host
			p.Out.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Specter"}}
			p.Out.Trailer = nil
		},
		// PostHog's word is of no use to a browser, and its headers must not act on our origin.
		ModifyResponse: func(answer *http.Response) error {
			if answer.StatusCode >= http.StatusMultipleChoices {
				r.failed(fmt.Errorf("it answered %d", answer.StatusCode))
			}
			_, err := io.Copy(io.Discard, io.LimitReader(answer.Body, analytics.MaxBody))
			err = errors.Join(err, answer.Body.Close())
			answer.StatusCode, answer.Header, answer.Trailer = http.StatusNoContent, http.Header{}, nil
			answer.Body, answer.ContentLength = http.NoBody, 0
			return err
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			r.failed(err)
			w.WriteHeader(http.StatusNoContent)
		},
	}
	return r, nil
}

// failed tells the operator now and then; a person never.
func (r *Relay) failed(err error) {
	r.told.Do(func() { r.log.Warn("PostHog was not told of a page view", zap.Error(err)) })
}

// Close drops idle connections.
func (r *Relay) Close() { r.transport.CloseIdleConnections() }

// Pass tells PostHog of a view in the place of request in, whose answer is always 204: measuring
// disturbs nobody.
func (r *Relay) Pass(w http.ResponseWriter, in *http.Request, v analytics.View) error {
	text, err := json.Marshal(map[string]any{
		"api_key": r.key, "event": "$pageview", "distinct_id": v.Visit,
		"properties": map[string]any{
			"$pathname": v.Page, "$current_url": r.site + v.Page,
			"$process_person_profile": false, "$geoip_disable": true,
		},
	})
	if err != nil {
		return fmt.Errorf("writing a page view: %w", err)
	}
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	default:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	out := in.Clone(in.Context())
	out.Method, out.Body, out.ContentLength, out.TransferEncoding = http.MethodPost, io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
	out.Header.Set("Content-Length", strconv.Itoa(len(text)))
	r.proxy.ServeHTTP(w, out)
	return nil
}
