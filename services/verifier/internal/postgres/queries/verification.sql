-- name: DeployedSubject :one
-- What is known of a deployment when its test is registered.
SELECT d.id, d.proposal_id, d.product_id, d.context_id, d.status, d.deployed_at, p.time_zone, c.positive_types, c.negative_types,
       pr.predicted_impact, f.started_at AS finding_started_at, f.detected_at AS finding_detected_at
FROM deployments d
JOIN products p ON p.account_id = d.account_id AND p.id = d.product_id
JOIN contexts c ON c.account_id = d.account_id AND c.id = d.context_id
JOIN proposals pr ON pr.account_id = d.account_id AND pr.id = d.proposal_id
LEFT JOIN findings f ON f.account_id = pr.account_id AND f.id = pr.finding_id
WHERE d.id = $1;

-- name: InsertVerification :execrows
-- Registered once: a second report of the same deployment changes nothing.
INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, registered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'collecting', $10)
ON CONFLICT (account_id, deployment_id) DO NOTHING;

-- name: LockVerification :one
SELECT v.id, v.account_id, v.product_id, v.context_id, v.deployment_id, v.proposal_id, v.plan, v.status, v.registered_at,
       d.status AS deployment_status,
       coalesce((SELECT max(l.look_day) FROM verification_looks l WHERE l.account_id = v.account_id AND l.verification_id = v.id), 0)::int AS last_look_day
FROM verifications v
JOIN deployments d ON d.account_id = v.account_id AND d.id = v.deployment_id
WHERE v.id = $1
FOR UPDATE OF v;

-- name: InsertLook :exec
INSERT INTO verification_looks (account_id, verification_id, look_day, as_of, result, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: UpdateVerification :exec
UPDATE verifications SET status = $2, result = $3, as_of = $4, decided_at = $5 WHERE id = $1;

-- name: StopVerification :execrows
UPDATE verifications SET status = 'stopped', decided_at = $2 WHERE deployment_id = $1 AND status = 'collecting';

-- name: HourlyPolarities :many
SELECT hour,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(positive_types)::text[])), 0)::bigint AS positive,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(negative_types)::text[])), 0)::bigint AS negative
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
  AND type = ANY(sqlc.arg(positive_types)::text[] || sqlc.arg(negative_types)::text[])
GROUP BY hour
ORDER BY hour;

-- name: TypesBeforeAndAfter :many
SELECT type,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(before_to)), 0)::bigint AS before,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(after_from)), 0)::bigint AS after
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(before_from) AND hour < sqlc.arg(after_to)
GROUP BY type
ORDER BY type;

-- name: HasSignalsSince :one
SELECT EXISTS (
    SELECT 1 FROM rollup_hourly
    WHERE account_id = sqlc.arg(account_id) AND product_id = sqlc.arg(product_id) AND hour >= sqlc.arg(since)
);

-- name: CountOtherDeployments :one
SELECT count(*) FROM deployments
WHERE product_id = sqlc.arg(product_id) AND id <> sqlc.arg(deployment_id)
  AND deployed_at >= sqlc.arg(from_at) AND deployed_at < sqlc.arg(to_at);
