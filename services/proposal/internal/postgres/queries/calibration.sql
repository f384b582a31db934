-- name: Outcomes :many
-- How predictions of one family turned out, the newest first: what was predicted, and what the look that decided says of
-- it. A test that ended without significance measured all the same, and to leave it out would keep only what came true.
-- What cannot be credited to the deployment teaches nothing: a test without a measurement, another deployment, changed
-- instrumentation, a return to normal, a rollback, a part of the traffic.
SELECT (p.evidence -> 'counterfactual')::jsonb AS predicted, coalesce(v.result -> 'promised', v.result)::jsonb AS result
FROM verifications v
JOIN proposals p ON p.account_id = v.account_id AND p.id = v.proposal_id
JOIN deployments d ON d.account_id = v.account_id AND d.id = v.deployment_id
WHERE v.account_id = $1 AND p.family = $2 AND v.decided_at IS NOT NULL
  AND (v.status IN ('improved', 'regressed', 'no_effect') OR v.status = 'inconclusive' AND v.result ->> 'reason_code' = 'not_significant')
  AND d.status = 'deployed' AND d.canary_share = 100
  AND p.evidence ? 'counterfactual'
  -- The test's own effect is that of the prediction where it is about just that.
  AND (v.result ? 'promised' OR v.result ? 'effect' AND NOT v.plan ? 'promised')
ORDER BY v.decided_at DESC, v.id
LIMIT 100;
