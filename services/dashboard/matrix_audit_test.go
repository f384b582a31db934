package dashboard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// unaudited are operations that change something and leave no entry of the audit log, each for a reason.
var unaudited = map[string]string{
	"importSignals":         "signals, as gateways take them in; the import's beginning and end are audited",
	"receiveDeployReport":   "every report has a receipt; what it does to a deployment is audited as the hook's act (TestWhatAPipelineChangesIsAudited)",
	"receiveGitHubDelivery": "as receiveDeployReport",
	"recoverPassword":       "a mail; nothing of an account's changes before its link is followed",
	"resendConfirmation":    "a mail, as recoverPassword",
	"sendMagicLink":         "a mail, as recoverPassword",
	"startProvider":         "begins at the provider's; the sign-in that follows is audited",
	"confirmLink":           "only with a link of the auth server; the sign-in that follows is audited (session.started)",
	"openCheckout":          "a page of Stripe's; what is bought there comes as an event",
	"openBillingPortal":     "as openCheckout",
	"receiveStripeEvent":    "Stripe's, of whom the account's plan changes; billing audits that",
}

// audition is what an operation needs to succeed.
type audition struct {
	w      *world
	tenant testkit.Tenant
	person *caller // its owner
	ids    map[string]string
}

// prepared says what it takes for an operation to succeed, where an account with one of everything (ids) and the body of
// bodies() do not do. It may return another body.
func prepared() map[string]func(a audition) any {
	decide := func(a audition) {
		r := a.person.post("/api/v1/proposals/"+a.ids["proposal_id"]+"/decision", map[string]any{"decision": "rejected"})
		require.Equal(a.w.t, http.StatusOK, r.status, r.text)
	}
	deploy := func(a audition) any {
		r := a.person.post("/api/v1/deployments/"+a.ids["deployment_id"]+"/report", map[string]any{})
		require.Less(a.w.t, r.status, 300, r.text)
		return nil
	}
	return map[string]func(a audition) any{
		"signUp": func(audition) any { return map[string]any{"email": "bob@example.test", "password": password} },
		"login":  func(a audition) any { return map[string]any{"email": a.tenant.Email, "password": password} },
		"changeEmail": func(a audition) any {
			return map[string]any{"new_email": "new-" + a.tenant.Email, "password": password}
		},
		"changePassword": func(audition) any {
			return map[string]any{"current_password": password, "new_password": "another " + password}
		},
		"undoDecision": func(a audition) any { decide(a); return nil },
		"editProposal": func(audition) any { return map[string]any{"title": "In other words"} },
		"rewriteProposal": func(a audition) any {
			r := a.person.do(http.MethodPatch, "/api/v1/proposals/"+a.ids["proposal_id"], map[string]any{"title": "In other words"})
			require.Equal(a.w.t, http.StatusOK, r.status, r.text)
			return nil
		},
		"rollBackDeployment": deploy, "createShare": deploy,
		"updateDeployment": func(a audition) any { deploy(a); return map[string]any{"version": "2.0.0"} },
		"revokeDeployHookToken": func(a audition) any {
			a.person.hookOf(a.tenant.ProductID)
			return nil
		},
		"revokeGitHubSecret": func(a audition) any {
			a.person.repository(a.tenant.ProductID)
			return nil
		},
		"scheduleAccountDeletion": func(a audition) any { return map[string]any{"confirm_email": a.tenant.Email} },
		"cancelAccountDeletion": func(a audition) any {
			r := a.person.post("/api/v1/account/deletion", map[string]any{"confirm_email": a.tenant.Email})
			require.Less(a.w.t, r.status, 300, r.text)
			return nil
		},
		"updateDeployHook": func(a audition) any {
			a.person.hookOf(a.tenant.ProductID)
			return map[string]any{"environments": []string{"live"}}
		},
		"updateProduct": func(a audition) any { return map[string]any{"name": "Another name"} },
		"updateContext": func(a audition) any { return map[string]any{"description": "Another text"} },
	}
}

// TestEveryChangeIsAudited has an owner do everything the contract offers that changes something, each in an account of
// its own, and looks for the entry.
func TestEveryChangeIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, o := range operations(t) {
		// The one reading that the log tells of: whoever sees a secret can use it.
		if !o.changes() && o.id != "revealEndpointSecret" || unaudited[o.id] != "" {
			continue
		}
		t.Run(o.id, func(t *testing.T) {
			w.clock.Advance(time.Hour) // sign-ups from one address are throttled
			tenant, ann := w.owner(strings.ToLower(o.id) + "@example.test")
			a := audition{w: w, tenant: tenant, person: ann, ids: w.ids(tenant)}
			body := bodies("http://127.0.0.1:8080/")[o.id]
			if prepare, ok := prepared()[o.id]; ok {
				if instead := prepare(a); instead != nil {
					body = instead
				}
			}
			count := func() (n int) {
				// Of everybody: a person who signs up has an account of their own.
				require.NoError(t, w.db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM audit_log`).Scan(&n))
				return n
			}
			before := count()
			r := ann.do(o.method, fill(o.path, a.ids), body)
			require.Less(t, r.status, 300, "say in prepared() what it takes for %s to succeed: %s", o.id, r.text)
			assert.Greater(t, count(), before, "%s changes something and the audit log does not tell: write an entry in the transaction, or say in unaudited why not", o.id)
			var whole bool
			require.NoError(t, w.db.Owner(t).QueryRow(t.Context(), `SELECT bool_and(hash = specter_audit_hash(l)) FROM audit_log l`).Scan(&whole))
			assert.True(t, whole)
		})
	}
}

// No secret stands in the audit log, whatever was done.
func TestTheAuditLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, ann := w.owner("ann@example.test")
	secrets := []string{tenant.Key, tenant.Token, password, ann.csrf, ann.cookie()}
	ids := w.ids(tenant)
	made := ann.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/"})
	secrets = append(secrets, made.str("secret"), ann.hookOf(tenant.ProductID)[len("/api/hooks/deploy/"):], ann.repository(tenant.ProductID).secret)
	shipped := ann.post("/api/v1/deployments/"+ids["deployment_id"]+"/report", map[string]any{})
	require.Less(t, shipped.status, 300, shipped.text)
	link := ann.post("/api/v1/deployments/"+ids["deployment_id"]+"/shares", map[string]any{})
	secrets = append(secrets, link.str("url")[strings.LastIndex(link.str("url"), "/")+1:])
	log := ann.get(auditPath + "?limit=100")
	require.Greater(t, len(log.list("items")), 8)
	for _, secret := range secrets {
		require.Greater(t, len(secret), 8)
		require.NotContains(t, log.text, secret)
	}
}

func TestWhatAPipelineChangesIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	deployment, proposal := w.approved(tenant, "Planned")
	require.Equal(t, "matched", w.anonymous().form(c.hookOf(tenant.ProductID), "commit=abc1234&proposal="+proposal.String()).str("result"))
	log := c.get(auditPath + "?actor=hook&subject_id=" + deployment)
	require.Equal(t, "deployment.deployed", log.str("items.0.action"), log.text)
}
