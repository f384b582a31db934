-- name: InsertProofShare :exec
INSERT INTO proof_shares (id, account_id, deployment_id, token_hash, hint, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: CountOpenProofShares :one
-- Those of one deployment that still open.
SELECT count(*) FROM proof_shares
WHERE deployment_id = sqlc.arg(deployment_id) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > sqlc.arg(now)::timestamptz);

-- name: ListProofShares :many
SELECT s.*, p.title FROM proof_shares s
JOIN deployments d ON d.account_id = s.account_id AND d.id = s.deployment_id
JOIN proposals p ON p.account_id = d.account_id AND p.id = d.proposal_id
WHERE (sqlc.narg(deployment_id)::uuid IS NULL OR s.deployment_id = sqlc.narg(deployment_id))
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (s.created_at, s.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY s.created_at DESC, s.id DESC LIMIT sqlc.arg(row_limit);

-- name: RevokeProofShare :one
UPDATE proof_shares SET revoked_at = coalesce(revoked_at, sqlc.arg(now)) WHERE id = sqlc.arg(id)
RETURNING deployment_id, revoked_at = sqlc.arg(now)::timestamptz AS ended_now;

-- name: ProofShareByHash :one
SELECT * FROM proof_shares WHERE token_hash = $1;

-- name: TouchProofShare :exec
UPDATE proof_shares SET last_seen_at = sqlc.arg(now)::timestamptz
WHERE id = sqlc.arg(id) AND (last_seen_at IS NULL OR last_seen_at <= sqlc.arg(stale)::timestamptz);

-- name: LastInputs :one
-- What the newest look of the plan in force was computed from, and the fingerprint of its result. Looks of old have neither.
SELECT coalesce(inputs, 'null')::jsonb AS inputs, result_sha256 FROM verification_looks
WHERE verification_id = sqlc.arg(verification_id) AND revision = sqlc.arg(revision)
ORDER BY look_day DESC LIMIT 1;
