-- name: LockDeployment :one
SELECT * FROM deployments WHERE id = $1 FOR UPDATE;

-- name: Judged :one
SELECT EXISTS (SELECT 1 FROM verifications WHERE deployment_id = $1 AND status IN ('improved', 'regressed', 'no_effect', 'inconclusive'));

-- name: UpdateDeployment :exec
UPDATE deployments SET status = $2, version_label = $3, commit_sha = $4, url = $5, deployed_at = $6, reported_at = $7, reported_by = $8,
    cancelled_at = $9, rolled_back_at = $10, reported_via = $11, environment = $12, canary_share = $13, version = version + 1
WHERE id = $1;

-- name: InsertShare :exec
-- Of two reports of one moment the last one counts.
INSERT INTO deployment_shares (account_id, deployment_id, at, share, reported_at, reported_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, deployment_id, at) DO UPDATE SET share = excluded.share, reported_at = excluded.reported_at, reported_by = excluded.reported_by;

-- name: MoveFirstShare :exec
-- The first share begins with the deployment.
UPDATE deployment_shares s SET at = sqlc.arg(deployed_at)
WHERE s.deployment_id = sqlc.arg(deployment_id) AND s.at = sqlc.arg(old_deployed_at)
  AND NOT EXISTS (SELECT 1 FROM deployment_shares o WHERE o.account_id = s.account_id AND o.deployment_id = s.deployment_id AND o.at = sqlc.arg(deployed_at));

-- name: DeploymentShares :many
SELECT at, share, reported_at, reported_by FROM deployment_shares WHERE deployment_id = $1 ORDER BY at;

-- name: DeploymentTimeline :many
SELECT l.at, l.actor, coalesce(t.name, CASE WHEN l.actor = 'user:' || a.owner_user_id THEN a.email END, '')::text AS actor_name, l.action, l.detail
FROM audit_log l
LEFT JOIN access_tokens t ON t.account_id = l.account_id AND l.actor = 'token:' || t.id
LEFT JOIN accounts a ON a.id = l.account_id
WHERE l.subject_id = sqlc.arg(id)::uuid AND l.subject_type = 'deployment'
ORDER BY l.seq LIMIT 500;

-- name: DeploymentOverlaps :many
-- A window ends with the deployment's rollback, with its verdict, or when it has been watched for long enough.
WITH windows AS (
    SELECT d.account_id, d.id, d.deployed_at,
           coalesce(d.rolled_back_at, CASE WHEN v.decided_at IS NOT NULL THEN v.as_of END, d.deployed_at + make_interval(secs => sqlc.arg(window_seconds)::float8)) AS ends_at
    FROM deployments d
    LEFT JOIN verifications v ON v.account_id = d.account_id AND v.deployment_id = d.id
    WHERE d.product_id = sqlc.arg(product_id) AND d.deployed_at IS NOT NULL
)
SELECT a.id AS of_id, s.id, coalesce(pe.title, p.title)::text AS title, s.status::text AS status, s.context_id, c.name AS context_name, b.deployed_at::timestamptz AS deployed_at, s.version_label
FROM windows a
JOIN windows b ON b.id <> a.id AND a.deployed_at < b.ends_at AND b.deployed_at < a.ends_at
JOIN deployment_states s ON s.account_id = b.account_id AND s.id = b.id
JOIN contexts c ON c.account_id = s.account_id AND c.id = s.context_id
JOIN proposals p ON p.account_id = s.account_id AND p.id = s.proposal_id
LEFT JOIN proposal_edits pe ON pe.account_id = p.account_id AND pe.proposal_id = p.id
WHERE a.id = ANY(sqlc.arg(ids)::uuid[])
ORDER BY a.id, b.deployed_at, b.id;

-- name: MergedChanges :many
SELECT DISTINCT ON (proposal_id) proposal_id, commit_sha, repository, pull_request_url, merged_at FROM change_commits
WHERE proposal_id = ANY(sqlc.arg(proposal_ids)::uuid[]) AND NOT derived
ORDER BY proposal_id, merged_at, commit_sha;
