-- name: Looks :many
-- Without the days and the placebos, which are drawn of the newest look alone.
SELECT verification_id, revision, look_day, as_of, (result - ARRAY['daily', 'placebos', 'placebo_dates'])::jsonb AS result FROM verification_looks
WHERE verification_id = ANY(sqlc.arg(verification_ids)::uuid[])
ORDER BY verification_id, revision, look_day;

-- name: LaterPlans :many
SELECT verification_id, revision, plan, registered_at FROM verification_plans
WHERE verification_id = ANY(sqlc.arg(verification_ids)::uuid[])
ORDER BY verification_id, revision;

-- name: VerifiedPredictions :many
SELECT v.deployment_id, v.status, v.decided_at::timestamptz AS decided_at, coalesce(v.result ->> 'reason_code', '')::text AS reason_code,
       coalesce(v.result -> 'promised', 'null')::jsonb AS promised, coalesce(pe.title, p.title)::text AS title, p.family, coalesce(p.provenance ->> 'engine', '')::text AS engine, p.predicted_impact,
       d.status = 'rolled_back' AS rolled_back, d.canary_share
FROM verifications v
JOIN proposals p ON p.account_id = v.account_id AND p.id = v.proposal_id
LEFT JOIN proposal_edits pe ON pe.account_id = p.account_id AND pe.proposal_id = p.id
JOIN deployments d ON d.account_id = v.account_id AND d.id = v.deployment_id
WHERE v.product_id = sqlc.arg(product_id) AND v.decided_at IS NOT NULL
ORDER BY v.decided_at DESC, v.id
LIMIT 200;
