package client

import (
	"context"
	"net/http"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// VerifyAuditLog has the server compute the chain of the account's audit log anew. known is an entry that was noted
// earlier, as NUMBER:HASH, or "".
func (c *Client) VerifyAuditLog(ctx context.Context, known string) (api.AuditVerification, error) {
	var params api.VerifyAuditLogParams
	if known != "" {
		params.Known = &known
	}
	var out api.AuditVerification
	err := call(ctx, true, &out, func(ctx context.Context) (*http.Response, error) { return c.api.VerifyAuditLog(ctx, &params) })
	return out, err
}
