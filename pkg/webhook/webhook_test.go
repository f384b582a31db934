package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/webhook"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestWhatPeopleWereToldOfExists(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"signal.first_received", "analysis.completed", "proposal.created", "proposal.approved", "proposal.rejected", "proposal.expired",
		"deployment.created", "deployment.deployed", "deployment.verified", "deployment.regressed", "deployment.inconclusive",
		"quota.warning", "quota.exceeded", "account.deletion_scheduled",
	} {
		require.True(t, webhook.IsName(name), name)
	}
	require.True(t, webhook.IsName(webhook.Tested))
	require.False(t, webhook.IsName("finding.opened"), "what is for services only cannot be subscribed to")
}

func TestEveryKindHasASampleOfItsOwnType(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range webhook.Kinds() {
		require.False(t, seen[k.Name()], k.Name())
		seen[k.Name()] = true
		require.Equal(t, event.OneAccount, k.Scope(), k.Name())
		require.NotEmpty(t, k.About)
		text, err := k.Sample()
		require.NoError(t, err)
		var envelope struct {
			Type      string
			Timestamp time.Time
			Data      map[string]any
		}
		require.NoError(t, json.Unmarshal(text, &envelope))
		require.Equal(t, k.Name(), envelope.Type)
		require.False(t, envelope.Timestamp.IsZero())
		empty, err := webhook.Data(k.New())
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(empty, &fields))
		require.NotEmpty(t, fields)
		for name := range fields {
			require.Contains(t, envelope.Data, name, "the sample of %s is of another message", k.Name())
		}
	}
}

func TestAVerdictReadsAsPeopleExpect(t *testing.T) {
	t.Parallel()
	data, err := webhook.Data(&eventv1.DeploymentVerified{Verdict: &eventv1.Verdict{
		DeploymentId: "d", Outcome: "improved", Effect: 0.21, EffectHigh: math.Inf(1), PositiveBefore: 1 << 40, LookDay: 7,
		AsOf: timestamppb.New(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), Warnings: []string{"weekday"},
	}})
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(data, &got))
	for name, want := range map[string]any{
		"deployment_id": "d", "outcome": "improved", "effect": 0.21, "effect_high": nil, "positive_before": float64(1 << 40), "look_day": 7.0,
		"as_of": "2026-03-01T09:00:00Z", "warnings": []any{"weekday"}, "reason": "",
	} {
		require.Contains(t, got, name)
		require.Equal(t, want, got[name], name)
	}
}

func TestTheEnvelopeIsTheStandards(t *testing.T) {
	t.Parallel()
	body, err := webhook.Envelope("proposal.created", time.Date(2026, 3, 1, 13, 0, 0, 5, time.FixedZone("", 3600)), json.RawMessage(`{"title":"<x>"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"proposal.created","timestamp":"2026-03-01T12:00:00.000000005Z","data":{"title":"<x>"}}`, string(body))
}

func TestADeploymentIsFoundWhereverItStands(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for _, m := range []proto.Message{
		&eventv1.ProposalApproved{DeploymentId: id.String()},
		&eventv1.DeploymentDeployed{DeploymentId: id.String()},
		&eventv1.DeploymentRegressed{Verdict: &eventv1.Verdict{DeploymentId: id.String()}},
	} {
		require.Equal(t, id, webhook.Deployment(m), "%T", m)
	}
	require.Equal(t, uuid.Nil, webhook.Deployment(&eventv1.ProposalCreated{ProposalId: id.String()}))
	require.Equal(t, uuid.Nil, webhook.Deployment(&eventv1.DeploymentVerified{}))
}

// TestEveryReaderAcceptsASignature: the official library and the specification's formula written down
// once more, for any body and with one secret or two.
func TestEveryReaderAcceptsASignature(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(r, "body")
		secrets := []string{webhook.NewSecret()}
		if rapid.Bool().Draw(r, "rotating") {
			secrets = append(secrets, webhook.NewSecret())
		}
		id, now := uuid.NewString(), time.Now()
		h, err := webhook.Sign(id, now, body, secrets...)
		require.NoError(r, err)
		require.Len(r, strings.Fields(h.Get("webhook-signature")), len(secrets))
		for i, secret := range secrets {
			official, err := standardwebhooks.NewWebhook(secret)
			require.NoError(r, err)
			require.NoError(r, official.Verify(body, h))
			require.Equal(r, byHand(r, secret, h, body), strings.Fields(h.Get("webhook-signature"))[i])
			require.Error(r, official.Verify(append(body, 'x'), h))
		}
		stranger, err := standardwebhooks.NewWebhook(webhook.NewSecret())
		require.NoError(r, err)
		require.Error(r, stranger.Verify(body, h))
	})
}

// byHand computes HMAC-SHA256(secret, id "." timestamp "." body) without any library of webhooks.
func byHand(t require.TestingT, secret string, h http.Header, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", h.Get("webhook-id"), h.Get("webhook-timestamp"))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestAnUnusableSecretIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {""}, {"whsec_"}, {"whsec_not base64!"}, {webhook.NewSecret(), "whsec_%"}} {
		_, err := webhook.Sign("id", time.Now(), nil, secrets...)
		require.ErrorIs(t, err, webhook.ErrSecret)
		require.NotContains(t, err.Error(), "not base64!")
	}
}
