-- name: TokenByHash :one
SELECT t.* FROM access_tokens t WHERE token_hash = $1;

-- name: TouchToken :exec
UPDATE access_tokens SET last_used_at = $2 WHERE id = $1;

-- name: InsertToken :one
INSERT INTO access_tokens (id, account_id, name, token_hash, hint, scopes, created_at, expires_at, chain_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *;

-- name: CountTokens :one
-- Good ones; a token and what it was rolled to count as one.
SELECT count(DISTINCT coalesce(chain_id, id)) FROM access_tokens
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > sqlc.arg(now)::timestamptz);

-- name: LockToken :one
SELECT * FROM access_tokens WHERE id = $1 FOR UPDATE;

-- name: TokensBeside :one
-- Good tokens of the same chain.
SELECT count(*) FROM access_tokens
WHERE id <> sqlc.arg(id) AND coalesce(chain_id, id) = sqlc.arg(chain_id)::uuid
  AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > sqlc.arg(now)::timestamptz);

-- name: EndToken :one
UPDATE access_tokens SET expires_at = $2, revoked_at = $3, replaced_by = $4 WHERE id = $1 RETURNING *;

-- name: ActorRevoked :one
SELECT EXISTS (SELECT 1 FROM access_tokens WHERE 'token:' || id = sqlc.arg(actor)::text AND revoked_at IS NOT NULL);

-- name: RevokeTokens :many
-- The token and whatever it made, which is what the audit log says of it; but not, beside the token itself, the one that
-- asks, nor what that made: a program may renew its token and then end the old one.
WITH RECURSIVE makers AS (
    SELECT t.id, l.actor FROM access_tokens t
    JOIN audit_log l ON l.account_id = t.account_id AND l.subject_id = t.id AND l.action = 'token.created'
), ended AS (
    SELECT t.id FROM access_tokens t WHERE t.id = sqlc.arg(id)
    UNION
    SELECT m.id FROM makers m JOIN ended e ON m.actor = 'token:' || e.id WHERE 'token:' || m.id <> sqlc.arg(actor)::text
)
UPDATE access_tokens SET revoked_at = sqlc.arg(now)::timestamptz
WHERE id IN (SELECT e.id FROM ended e) AND revoked_at IS NULL
RETURNING *;

-- name: ListTokens :many
SELECT * FROM access_tokens
WHERE (sqlc.narg(before_at)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(row_limit);
