package account

import (
	"context"
	"net/netip"
)

type visitorKey struct{}

// From notes the address that a request comes from, so that the auth server can tell people apart: to it, all of them
// come from us.
func From(ctx context.Context, visitor netip.Addr) context.Context {
	return context.WithValue(ctx, visitorKey{}, visitor)
}

// VisitorOf returns the address that a request comes from; the zero Addr when nobody knows.
func VisitorOf(ctx context.Context) netip.Addr {
	visitor, _ := ctx.Value(visitorKey{}).(netip.Addr)
	return visitor
}
