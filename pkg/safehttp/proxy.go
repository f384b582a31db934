package safehttp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxProxyAnswer bounds what is read of a proxy's answer to CONNECT.
const maxProxyAnswer = 16 << 10

// dialProxy asks the operator's proxy for a tunnel to target, "host:port". The proxy's own address is
// the operator's word and not judged.
func (g *Guard) dialProxy(ctx context.Context, target string) (_ net.Conn, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrProxy, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, g.policy.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", proxyAddress(g.policy.Proxy))
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	if g.policy.Proxy.Scheme == "https" {
		secured := tls.Client(conn, &tls.Config{ServerName: g.policy.Proxy.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("connecting: %w", err)
		}
		conn = secured
	}
	// The tunnel's own reads and writes end with the request; this is for the asking alone.
	unhook := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if err := askTunnel(conn, g.policy.Proxy, target); err != nil {
		unhook()
		return nil, errors.Join(err, ctx.Err())
	}
	if !unhook() {
		return nil, fmt.Errorf("asking for a tunnel: %w", context.Cause(ctx))
	}
	return conn, nil
}

func proxyAddress(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[proxy.Scheme == "https"]
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

func askTunnel(conn net.Conn, proxy *url.URL, target string) error {
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		ask.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)))
	}
	if err := ask.Write(conn); err != nil {
		return fmt.Errorf("asking for a tunnel: %w", err)
	}
	read := bufio.NewReader(io.LimitReader(conn, maxProxyAnswer))
	answer, err := http.ReadResponse(read, ask)
	if err != nil {
		return fmt.Errorf("reading its answer: %w", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	if read.Buffered() > 0 {
		return errors.New("it sent something before the tunnel was used")
	}
	return nil
}
