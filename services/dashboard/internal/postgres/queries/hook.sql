-- name: DeployHook :one
SELECT * FROM deploy_hooks WHERE product_id = $1;

-- name: DeployHookByToken :one
SELECT * FROM deploy_hooks
WHERE token_hash = sqlc.arg(hash)::bytea OR (old_token_hash = sqlc.arg(hash)::bytea AND old_token_until > sqlc.arg(now)::timestamptz);

-- name: MakeDeployHook :exec
INSERT INTO deploy_hooks (account_id, product_id, created_at, updated_at) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING;

-- name: LockDeployHook :one
SELECT * FROM deploy_hooks WHERE product_id = $1 FOR UPDATE;

-- name: SetDeployHook :one
UPDATE deploy_hooks SET environments = $2, deployed_by = $3, linked_by = $4, updated_at = $5, version = version + 1 WHERE product_id = $1 RETURNING *;

-- name: RotateDeployToken :one
UPDATE deploy_hooks SET
    old_token_hash = CASE WHEN token_hash IS NOT NULL AND sqlc.narg(old_until)::timestamptz IS NOT NULL THEN token_hash END,
    old_token_until = CASE WHEN token_hash IS NOT NULL THEN sqlc.narg(old_until)::timestamptz END,
    token_hash = sqlc.arg(hash), token_hint = sqlc.arg(hint), token_made_at = sqlc.arg(at), updated_at = sqlc.arg(at)::timestamptz, version = version + 1
WHERE product_id = sqlc.arg(product_id) RETURNING *;

-- name: RotateGitHubSecret :one
UPDATE deploy_hooks SET
    old_github_secret_sealed = CASE WHEN github_secret_sealed IS NOT NULL AND sqlc.narg(old_until)::timestamptz IS NOT NULL THEN github_secret_sealed END,
    old_github_secret_until = CASE WHEN github_secret_sealed IS NOT NULL THEN sqlc.narg(old_until)::timestamptz END,
    github_secret_sealed = sqlc.arg(sealed), github_secret_made_at = sqlc.arg(at), updated_at = sqlc.arg(at)::timestamptz, version = version + 1
WHERE product_id = sqlc.arg(product_id) RETURNING *;

-- name: RevokeDeployToken :execrows
UPDATE deploy_hooks SET token_hash = NULL, token_hint = '', token_made_at = NULL, old_token_hash = NULL, old_token_until = NULL,
    updated_at = $2, version = version + 1
WHERE product_id = $1 AND token_hash IS NOT NULL;

-- name: RevokeGitHubSecret :execrows
UPDATE deploy_hooks SET github_secret_sealed = NULL, github_secret_made_at = NULL, old_github_secret_sealed = NULL, old_github_secret_until = NULL,
    updated_at = $2, version = version + 1
WHERE product_id = $1 AND github_secret_sealed IS NOT NULL;

-- name: NoteRefusedDelivery :exec
-- Anybody can cause one: the row is written once in ten seconds at most.
UPDATE deploy_hooks SET refused_at = sqlc.arg(at)::timestamptz
WHERE product_id = sqlc.arg(product_id) AND (refused_at IS NULL OR refused_at < sqlc.arg(at)::timestamptz - interval '10 seconds');

-- name: LockDeployReceipts :exec
-- What one product is told is settled one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('deploy-hook:' || sqlc.arg(product_id)::uuid::text, 0));

-- name: RepeatedReceipt :one
UPDATE deploy_receipts SET repeats = repeats + 1
WHERE id = (SELECT r.id FROM deploy_receipts r
            WHERE r.product_id = sqlc.arg(product_id) AND (r.delivery_id = sqlc.narg(delivery_id)::text OR r.digest = sqlc.narg(digest)::bytea)
            ORDER BY r.received_at LIMIT 1)
RETURNING *;

-- name: InsertReceipt :exec
INSERT INTO deploy_receipts (id, account_id, product_id, source, event, received_at, delivery_id, digest, outcome, reason, environment, version_label,
    commit_sha, repository, url, deployment_ids)
VALUES ($1, $2, $3, $4, $5, $6, sqlc.narg(delivery_id), sqlc.narg(digest), $7, $8, $9, $10, $11, $12, $13, $14);

-- name: ForgetReceipts :exec
-- What is old goes; of what did not count, all but the newest hundred, because a busy repository sends thousands; of what
-- may be said again, all but the newest five hundred, because a pipeline may be stuck.
DELETE FROM deploy_receipts r
WHERE r.product_id = sqlc.arg(product_id) AND (
    r.received_at < sqlc.arg(before)::timestamptz
    OR r.id IN (SELECT o.id FROM deploy_receipts o WHERE o.product_id = sqlc.arg(product_id) AND o.outcome = 'ignored'
                ORDER BY o.received_at DESC, o.id DESC OFFSET 100)
    OR r.id IN (SELECT o.id FROM deploy_receipts o WHERE o.product_id = sqlc.arg(product_id) AND o.source = 'hook' AND o.digest IS NULL
                ORDER BY o.received_at DESC, o.id DESC OFFSET 500));

-- name: ListReceipts :many
SELECT * FROM deploy_receipts
WHERE product_id = sqlc.arg(product_id) AND received_at >= sqlc.arg(since)::timestamptz
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (received_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY received_at DESC, id DESC LIMIT sqlc.arg(row_limit);

-- name: NamedProposals :many
SELECT id, status::text AS status FROM proposal_states WHERE product_id = sqlc.arg(product_id) AND id = ANY(sqlc.arg(ids)::uuid[]) ORDER BY id;

-- name: NamedDeployments :many
-- The deployments that a notice names by any of its names, locked in one order. What did not ship yet is not found by a
-- version or by a commit of its own: it has none.
SELECT d.* FROM deployments d
WHERE d.product_id = sqlc.arg(product_id) AND d.status <> 'cancelled' AND (
    d.id = ANY(sqlc.arg(ids)::uuid[])
    OR d.proposal_id = ANY(sqlc.arg(proposal_ids)::uuid[])
    OR (sqlc.arg(all_planned)::boolean AND d.status = 'planned')
    OR (d.version_label <> '' AND d.version_label = sqlc.arg(version)::text)
    OR (d.commit_sha <> '' AND EXISTS (SELECT 1 FROM unnest(sqlc.arg(commits)::text[]) AS c (sha) WHERE starts_with(lower(d.commit_sha), c.sha)))
    OR EXISTS (SELECT 1 FROM change_commits k
               WHERE k.account_id = d.account_id AND k.product_id = d.product_id AND k.proposal_id = d.proposal_id
                 AND (k.pull_request_url = ANY(sqlc.arg(pull_requests)::text[])
                      OR EXISTS (SELECT 1 FROM unnest(sqlc.arg(commits)::text[]) AS c (sha) WHERE starts_with(k.commit_sha, c.sha)))))
ORDER BY d.id LIMIT 500 FOR UPDATE OF d;

-- name: HoldChange :execrows
INSERT INTO change_commits (account_id, product_id, proposal_id, commit_sha, repository, pull_request_url, merged_at, derived)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING;

-- name: PassChangesOn :execrows
-- What a commit holds, the one pushed right after it holds too, as long as it has not shipped; a change that never ships
-- stops being passed on.
INSERT INTO change_commits (account_id, product_id, proposal_id, commit_sha, repository, pull_request_url, merged_at, derived)
SELECT k.account_id, k.product_id, k.proposal_id, sqlc.arg(after)::text, k.repository, k.pull_request_url, k.merged_at, true
FROM change_commits k
WHERE k.product_id = sqlc.arg(product_id) AND k.commit_sha = sqlc.arg(before)::text
  AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.account_id = k.account_id AND d.proposal_id = k.proposal_id AND d.status IN ('deployed', 'rolled_back'))
  AND (SELECT count(*) FROM change_commits n WHERE n.account_id = k.account_id AND n.proposal_id = k.proposal_id) < 1000
ON CONFLICT DO NOTHING;
