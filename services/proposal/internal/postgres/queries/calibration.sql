-- name: Outcomes :many
-- How predictions of one family turned out, the newest first: what was predicted, and the look that decided.
SELECT (p.evidence -> 'counterfactual')::jsonb AS predicted, v.result
FROM verifications v
JOIN proposals p ON p.account_id = v.account_id AND p.id = v.proposal_id
WHERE v.account_id = $1 AND p.family = $2 AND v.decided_at IS NOT NULL AND v.status <> 'stopped'
  AND p.evidence ? 'counterfactual' AND v.result ? 'effect'
ORDER BY v.decided_at DESC, v.id
LIMIT 100;
