package httpapi

import (
	"context"
	"net/http"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// Logout answers POST /api/v1/auth/logout.
func (a *api) Logout(ctx context.Context, r contract.LogoutRequestObject) (contract.LogoutResponseObject, error) {
	if err := a.Accounts.SignOut(ctx, principal(ctx), value(r.Params.Everywhere)); err != nil {
		return nil, err
	}
	return answer{status: http.StatusNoContent, cookie: a.cookies.clear(sessionCookie)}, nil
}

// GetSession answers GET /api/v1/session.
func (a *api) GetSession(ctx context.Context, _ contract.GetSessionRequestObject) (contract.GetSessionResponseObject, error) {
	p := principal(ctx)
	owner, err := a.Accounts.Here(ctx, p)
	if err != nil {
		return nil, err
	}
	return contract.GetSession200JSONResponse(a.session(owner, *p.Session)), nil
}

// signedIn answers with a new session and its cookie.
func (a *api) signedIn(status int, in account.SignedIn) answer {
	return answer{status: status, body: a.session(in.Account, in.Session), cookie: a.cookies.session(in)}
}

func (a *api) session(owner account.Account, s account.Session) contract.Session {
	return contract.Session{
		UserId: s.UserID, AccountId: owner.ID, Email: owner.Email, CsrfToken: s.CSRFToken, ExpiresAt: s.ExpiresAt.UTC(), MaySetPassword: s.MaySetPassword(a.Now()),
		PurgeAt: utc(owner.PurgeAt), CertificateId: optional(owner.Certificate),
	}
}

// GetAccount answers GET /api/v1/account.
func (a *api) GetAccount(ctx context.Context, _ contract.GetAccountRequestObject) (contract.GetAccountResponseObject, error) {
	out, err := a.Accounts.Account(ctx, principal(ctx))
	return contract.GetAccount200JSONResponse(toAccount(out)), err
}

// ScheduleAccountDeletion answers POST /api/v1/account/deletion.
func (a *api) ScheduleAccountDeletion(ctx context.Context, r contract.ScheduleAccountDeletionRequestObject) (contract.ScheduleAccountDeletionResponseObject, error) {
	out, err := a.Accounts.ScheduleDeletion(ctx, principal(ctx), r.Body.ConfirmEmail)
	return contract.ScheduleAccountDeletion202JSONResponse(toAccount(out)), err
}

// CancelAccountDeletion answers DELETE /api/v1/account/deletion.
func (a *api) CancelAccountDeletion(ctx context.Context, _ contract.CancelAccountDeletionRequestObject) (contract.CancelAccountDeletionResponseObject, error) {
	out, err := a.Accounts.CancelDeletion(ctx, principal(ctx))
	return contract.CancelAccountDeletion200JSONResponse(toAccount(out)), err
}

func toAccount(a account.Account) contract.Account {
	return contract.Account{Id: a.ID, Email: a.Email, Plan: a.Plan, CreatedAt: a.CreatedAt.UTC(), ClosedAt: utc(a.ClosedAt), PurgeAt: utc(a.PurgeAt), CertificateId: optional(a.Certificate)}
}

// ListSessions answers GET /api/v1/account/sessions.
func (a *api) ListSessions(ctx context.Context, r contract.ListSessionsRequestObject) (contract.ListSessionsResponseObject, error) {
	const list = "sessions"
	p := principal(ctx)
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Accounts.Sessions(ctx, p, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListSessions200JSONResponse
	out.Items, _ = each(found.Items, plain(func(s account.Session) contract.WebSession {
		return contract.WebSession{
			Id: s.ID, Current: p.Session != nil && p.Session.ID == s.ID, Device: account.DeviceName(s.UserAgent), UserAgent: s.UserAgent, CreatedAt: s.CreatedAt.UTC(),
			LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		}
	}))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// RevokeSession answers DELETE /api/v1/account/sessions/{session_id}.
func (a *api) RevokeSession(ctx context.Context, r contract.RevokeSessionRequestObject) (contract.RevokeSessionResponseObject, error) {
	return contract.RevokeSession204Response{}, a.Accounts.EndSession(ctx, principal(ctx), r.SessionId)
}

// RevokeOtherSessions answers DELETE /api/v1/account/sessions.
func (a *api) RevokeOtherSessions(ctx context.Context, _ contract.RevokeOtherSessionsRequestObject) (contract.RevokeOtherSessionsResponseObject, error) {
	return contract.RevokeOtherSessions204Response{}, a.Accounts.SignOutOthers(ctx, principal(ctx))
}
