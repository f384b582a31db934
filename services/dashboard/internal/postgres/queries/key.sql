-- name: LockKeys :many
SELECT * FROM api_keys ORDER BY id FOR UPDATE;

-- name: LockKey :one
SELECT * FROM api_keys WHERE id = $1 AND product_id = $2 FOR UPDATE;

-- name: InsertKey :one
INSERT INTO api_keys (id, account_id, product_id, name, key_hash, key_sealed, hint, allowed_origins, allow_without_origin, created_at, expires_at, chain_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *;

-- name: CountKeys :one
-- Good ones; a key and what it was rolled to count as one.
SELECT count(DISTINCT coalesce(chain_id, id)) FROM api_keys
WHERE product_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > sqlc.arg(now)::timestamptz);

-- name: KeysBeside :one
-- Good keys of the same chain.
SELECT count(*) FROM api_keys
WHERE product_id = sqlc.arg(product_id) AND id <> sqlc.arg(id) AND coalesce(chain_id, id) = sqlc.arg(chain_id)::uuid
  AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > sqlc.arg(now)::timestamptz);

-- name: UpdateKey :one
UPDATE api_keys SET name = $2, allowed_origins = $3, allow_without_origin = $4, expires_at = $5, revoked_at = $6, replaced_by = $7, version = version + 1
WHERE id = $1 RETURNING *;

-- name: TouchKey :exec
-- Several gateways tell of one minute; one of them is enough.
UPDATE api_keys SET last_used_at = sqlc.arg(at)::timestamptz
WHERE id = sqlc.arg(id) AND (last_used_at IS NULL OR date_trunc('minute', last_used_at) < date_trunc('minute', sqlc.arg(at)::timestamptz));

-- name: ListKeys :many
SELECT * FROM api_keys
WHERE product_id = sqlc.arg(product_id)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(row_limit);
