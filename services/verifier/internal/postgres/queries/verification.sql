-- name: DeployedSubject :one
-- What is known of a deployment when its test is registered.
SELECT d.id, d.proposal_id, d.product_id, d.context_id, d.status, d.deployed_at, d.canary_share, p.time_zone, c.positive_types, c.negative_types,
       pr.predicted_impact, f.started_at AS finding_started_at, f.detected_at AS finding_detected_at, f.evidence AS finding_evidence
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

-- name: InsertPlan :exec
INSERT INTO verification_plans (account_id, verification_id, revision, plan, method, deployed_at, because, registered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: LockVerification :one
SELECT v.id, v.account_id, v.product_id, v.context_id, v.deployment_id, v.proposal_id, v.plan, v.status, v.registered_at,
       d.status AS deployment_status, d.deployed_at AS deployment_deployed_at, p.time_zone, c.positive_types, c.negative_types
FROM verifications v
JOIN deployments d ON d.account_id = v.account_id AND d.id = v.deployment_id
JOIN products p ON p.account_id = v.account_id AND p.id = v.product_id
JOIN contexts c ON c.account_id = v.account_id AND c.id = v.context_id
WHERE (sqlc.narg(id)::uuid IS NULL OR v.id = sqlc.narg(id)::uuid) AND (sqlc.narg(deployment_id)::uuid IS NULL OR v.deployment_id = sqlc.narg(deployment_id)::uuid)
FOR UPDATE OF v;

-- name: NewestPlan :many
-- The plan in force when there is one after the first: no row, or one.
SELECT revision, plan, registered_at FROM verification_plans WHERE verification_id = $1 ORDER BY revision DESC LIMIT 1;

-- name: LooksTaken :one
SELECT count(*)::int AS taken, coalesce(max(look_day) FILTER (WHERE revision = sqlc.arg(revision)), 0)::int AS last_day
FROM verification_looks WHERE verification_id = sqlc.arg(verification_id);

-- name: InsertLook :exec
INSERT INTO verification_looks (account_id, verification_id, revision, look_day, as_of, inputs, result, result_sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: UpdateVerification :execrows
-- A test that has ended is not touched: one deployment, one verdict.
UPDATE verifications SET status = $2, result = $3, as_of = $4, decided_at = $5 WHERE id = $1 AND status = 'collecting';

-- name: StopVerification :execrows
UPDATE verifications SET status = 'stopped', decided_at = $2 WHERE deployment_id = $1 AND status = 'collecting';
