package dashboard_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/draftlabs/specter/proto/openapi"
)

// operation is one line of the contract.
type operation struct {
	method, path, id, scope string
	public                  bool
	query                   []string // its parameters in the query
	bodyIDs                 []string // where its body names something by id, as JSON pointers
}

func (o operation) changes() bool { return o.method != http.MethodGet }

type node = map[string]any

func operations(t *testing.T) []operation {
	t.Helper()
	var contract node
	require.NoError(t, yaml.Unmarshal(openapi.Dashboard, &contract))
	components, _ := contract["components"].(node)
	resolve := func(kind string, n node) node {
		if ref, ok := n["$ref"].(string); ok {
			return components[kind].(node)[ref[strings.LastIndex(ref, "/")+1:]].(node)
		}
		return n
	}
	var ids func(n node, pointer string, depth int) []string
	ids = func(n node, pointer string, depth int) (out []string) {
		if n = resolve("schemas", n); depth > 10 {
			return nil
		}
		if n["format"] == "uuid" {
			out = append(out, pointer)
		}
		if items, ok := n["items"].(node); ok {
			out = append(out, ids(items, pointer+"/0", depth+1)...)
		}
		properties, _ := n["properties"].(node)
		for name, p := range properties {
			out = append(out, ids(p.(node), pointer+"/"+name, depth+1)...)
		}
		for _, several := range []string{"allOf", "anyOf", "oneOf"} {
			parts, _ := n[several].([]any)
			for _, part := range parts {
				out = append(out, ids(part.(node), pointer, depth+1)...)
			}
		}
		return out
	}
	var out []operation
	for path, methods := range contract["paths"].(node) {
		for method, o := range methods.(node) {
			n := o.(node)
			security, says := n["security"].([]any)
			op := operation{method: strings.ToUpper(method), path: path, id: n["operationId"].(string), public: says && len(security) == 0}
			op.scope, _ = n["x-scope"].(string)
			parameters, _ := n["parameters"].([]any)
			for _, p := range parameters {
				if p := resolve("parameters", p.(node)); p["in"] == "query" {
					op.query = append(op.query, p["name"].(string))
				}
			}
			if body, ok := n["requestBody"].(node); ok {
				for _, content := range body["content"].(node) {
					if schema, ok := content.(node)["schema"].(node); ok {
						op.bodyIDs = append(op.bodyIDs, ids(schema, "", 0)...)
					}
				}
				slices.Sort(op.bodyIDs)
				op.bodyIDs = slices.Compact(op.bodyIDs)
			}
			out = append(out, op)
		}
	}
	require.Greater(t, len(out), 40)
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return out
}

// TestTheRouterServesTheContractAndNothingElse: an address that no contract names would be in no matrix.
func TestTheRouterServesTheContractAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	besides := map[string]string{
		"/api/hooks/*": "says that a hook is not read", "/proof/{link}": "a shared proof (TestLinksThatOpenNothingAreAlike)", "/*": "the web app, the same for everybody",
		"/deletions/{id}": "a certificate that names nobody, by its random id (deploy/e2e.TestADeletedAccountIsNowhere)", "/.well-known/specter-deletions.json": "the keys that certificates are checked with",
		"/auth/callback": "where a provider sends a browser back; what it brings is the credential",
		"/privacy":       "the instance's own, the same for everybody", "/privacy.json": "as /privacy", "/ph/i/v0/e/": "a page view for the operator's measuring, without who (TestPostHogHearsOfAPageAndOfNobody)", "/ph/*": "a relay to the operator's measuring, which reads nothing of an account's",
	}
	routes := map[string]bool{}
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range w.handler.(*echo.Echo).Routes() {
		if r.Path == "/api/*" { // of every method: not found
			continue
		}
		routes[r.Method+" "+param.ReplaceAllString(r.Path, "{$1}")] = true
	}
	for _, o := range operations(t) {
		name := o.method + " " + o.path
		assert.True(t, routes[name], "%s is in the contract and not served", name)
		delete(routes, name)
	}
	for name := range routes {
		_, path, _ := strings.Cut(name, " ")
		assert.NotEmpty(t, besides[path], "%s is served: put it into proto/openapi/dashboard.v1.yaml, or say in besides what it is", name)
	}
}

// publicOperations need no credentials. Each has its reason, and what keeps one account's things from another's caller.
var publicOperations = map[string]string{
	"signUp":                "makes an account; names nothing that exists (TestSignUpSignInAndOut)",
	"login":                 "the password is the credential (TestSignUpSignInAndOut)",
	"confirmLink":           "the link's secret is the credential, good once",
	"listWaysIn":            "says what the instance offers, the same to everybody",
	"recoverPassword":       "sends a mail to the address, and answers alike whether anybody has it",
	"resendConfirmation":    "as recoverPassword",
	"sendMagicLink":         "as recoverPassword",
	"startProvider":         "begins at the provider's; what comes back is the credential",
	"receiveStripeEvent":    "Stripe's signature is the credential",
	"receiveDeployReport":   "the address holds a secret; another opens nothing (TestAHookThatOpensNothingTellsNothing)",
	"receiveGitHubDelivery": "the signature is the credential; the address names a product (TestAHookThatOpensNothingTellsNothing)",
}

func TestEveryPublicOperationSaysWhy(t *testing.T) {
	t.Parallel()
	for _, o := range operations(t) {
		if o.public {
			assert.NotEmpty(t, publicOperations[o.id], "%s needs no credentials: say in publicOperations why, and which test holds what guards it", o.id)
		}
	}
}

// A hook's address with a foreign, an invented or a revoked secret, and a product's without its signature, are all the same.
func TestAHookThatOpensNothingTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	revoked := c.hookOf(tenant.ProductID)
	require.Equal(t, http.StatusNoContent, c.delete("/api/v1/products/"+tenant.ProductID.String()+"/deploy-hook/token").status)
	nobody := w.anonymous().with("X-Request-Id", "same-request")
	invented := nobody.form("/api/hooks/deploy/"+revoked[strings.LastIndex(revoked, "/")+1:len(revoked)-4]+"0000", "commit=abc1234")
	require.GreaterOrEqual(t, invented.status, 400)
	require.Equal(t, invented.text, nobody.form(revoked, "commit=abc1234").text)

	repository := c.repository(tenant.ProductID)
	signed := func(path string) response {
		return nobody.with("X-GitHub-Event", "ping").with("X-GitHub-Delivery", uuid.NewString()).with("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)).
			send(http.MethodPost, path, strings.NewReader(`{"zen":"x"}`))
	}
	there, absent := signed(repository.url), signed("/api/hooks/github/"+uuid.NewString())
	require.GreaterOrEqual(t, there.status, 400)
	require.Equal(t, absent.status, there.status)
	require.Equal(t, absent.text, there.text)
}

// TestForeignIdsInBodiesAreAsAbsentAsInventedOnes: what a body names is looked up in the caller's account.
func TestForeignIdsInBodiesAreAsAbsentAsInventedOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	ids, own := w.ids(victim), w.ids(hostile)
	c := w.withToken(hostile.Token).with("X-Request-Id", "same-request")
	// A body in which the id stands where the pointer says, and how the answers may differ otherwise.
	cases := map[string]struct {
		body   func(id string) any
		of     string // which of the victim's ids
		reason string // instead of a body: why there is nothing to try
	}{
		"decideProposal/duplicate_of": {of: "proposal_id", body: func(id string) any { return map[string]any{"decision": "duplicate", "duplicate_of": id} }},
		"importSignals/signals/0/context_id": {of: "context_id", body: func(id string) any {
			return map[string]any{"signals": []any{map[string]any{"id": "018f0000-0000-7000-8000-0000000000aa", "type": "x", "timestamp": "2026-01-01T00:00:00Z", "context_id": id}}}
		}},
		"importSignals/signals/0/id":       {reason: "the client's own id; it counts once within an account (TestClientIDCountsOnceWithinTheAccount of the analyzer)"},
		"openCheckout/product_id":          {reason: "only where the browser comes back to in the web app; nothing is looked up"},
		"openBillingPortal/product_id":     {reason: "as openCheckout"},
		"receiveDeployReport/proposal/0":   {reason: "public: TestAPipelineNamesOnlyItsOwnProposals"},
		"receiveDeployReport/deployment/0": {reason: "public: TestAPipelineNamesOnlyItsOwnProposals"},
	}
	for _, o := range operations(t) {
		for _, pointer := range o.bodyIDs {
			k, ok := cases[o.id+pointer]
			if !assert.True(t, ok, "the body of %s names something at %s: say here how another's id is tried there", o.id, pointer) || k.body == nil {
				continue
			}
			foreign, invented := c.do(o.method, fill(o.path, own), k.body(ids[k.of])), c.do(o.method, fill(o.path, own), k.body("018f0000-0000-7000-8000-00000000dead"))
			require.GreaterOrEqual(t, invented.status, 400, "%s%s: %s", o.id, pointer, invented.text)
			require.Equal(t, invented.status, foreign.status, "%s%s: %s", o.id, pointer, foreign.text)
			require.Equal(t, strings.ReplaceAll(invented.text, "018f0000-0000-7000-8000-00000000dead", ids[k.of]), foreign.text, "%s%s", o.id, pointer)
		}
	}
}

// A pipeline that names another account's proposal and deployment reports nothing of theirs.
func TestAPipelineNamesOnlyItsOwnProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	deployment, proposal := w.approved(victim, "Planned")
	before := w.everything(victim.AccountID)
	hook := w.withToken(hostile.Token).hookOf(hostile.ProductID)
	for _, name := range []string{"proposal=" + proposal.String(), "deployment=" + deployment} {
		foreign := w.anonymous().form(hook, "commit=abc1234&version=1&"+name)
		require.Equal(t, "unmatched", foreign.str("result"), foreign.text)
		field, id, _ := strings.Cut(name, "=")
		other := uuid.NewString()
		invented := w.anonymous().form(hook, "commit=abc1234&version=1&"+field+"="+other)
		require.Equal(t, strings.ReplaceAll(invented.str("reason"), other, id), foreign.str("reason"))
	}
	require.Equal(t, before, w.everything(victim.AccountID))
}

// TestForeignIdsInFiltersFindNothing: a filter by another's id finds what one by an invented id finds.
func TestForeignIdsInFiltersFindNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	ids, own := w.ids(victim), w.ids(hostile)
	ids["subject_id"] = ids["deployment_id"]
	c := w.withToken(hostile.Token).with("X-Request-Id", "same-request")
	checked := 0
	for _, o := range operations(t) {
		for _, name := range o.query {
			if o.public || !strings.HasSuffix(name, "_id") {
				continue
			}
			require.NotEmpty(t, ids[name], "%s filters by %s: make one in ids()", o.id, name)
			ask := func(id string) response { return c.do(o.method, fill(o.path, own)+"?"+name+"="+id, nil) }
			foreign, invented := ask(ids[name]), ask(uuid.NewString())
			require.Equal(t, invented.status, foreign.status, "%s?%s: %s", o.id, name, foreign.text)
			require.Equal(t, invented.text, foreign.text, "%s?%s", o.id, name)
			checked++
		}
	}
	require.GreaterOrEqual(t, checked, 4)
}

// TestForeignCursorsShowOnesOwnOnly goes on in one's own lists where another account's list was left.
func TestForeignCursorsShowOnesOwnOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	ids, own := w.ids(victim), w.ids(hostile)
	w.ids(victim) // two of everything, so that there is a next page
	known := slices.Collect(func(yield func(string) bool) {
		for _, id := range ids {
			if !yield(id) {
				return
			}
		}
	})
	checked := 0
	for _, o := range operations(t) {
		if o.public || !slices.Contains(o.query, "cursor") {
			continue
		}
		page := w.withToken(victim.Token).get(fill(o.path, ids) + "?limit=1")
		require.Equal(t, http.StatusOK, page.status, "%s: %s", o.id, page.text)
		cursor, _ := page.at("next_cursor").(string)
		if cursor == "" {
			continue
		}
		r := w.withToken(hostile.Token).get(fill(o.path, own) + "?cursor=" + cursor)
		require.Equal(t, http.StatusOK, r.status, "%s: %s", o.id, r.text)
		for _, id := range known {
			require.NotContains(t, r.text, id, o.id)
		}
		if strings.Contains(o.path, "{") {
			r = w.withToken(hostile.Token).get(fill(o.path, ids) + "?cursor=" + cursor)
			require.Equal(t, http.StatusNotFound, r.status, fmt.Sprint(o.id, " of the other's: ", r.text))
		}
		checked++
	}
	require.Greater(t, checked, 8)
}
