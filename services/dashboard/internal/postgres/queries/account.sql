-- name: AccountByOwner :one
SELECT * FROM accounts WHERE owner_user_id = $1;

-- name: Account :one
SELECT sqlc.embed(a), d.purge_at, d.certificate_id
FROM accounts a
LEFT JOIN deletions d ON d.account_id = a.id AND d.id = a.deletion_id
WHERE a.id = $1;

-- name: InsertAccount :exec
INSERT INTO accounts (id, owner_user_id, email, plan, assigned_plan, created_at) VALUES ($1, $2, $3, $4, $4, $5);

-- name: CloseAccount :one
UPDATE accounts SET closed_at = $2, deletion_id = $3 WHERE id = $1 AND closed_at IS NULL RETURNING *;

-- name: ReopenAccount :one
UPDATE accounts SET closed_at = NULL, deletion_id = NULL WHERE id = $1 RETURNING *;

-- name: SetAccountEmail :execrows
UPDATE accounts SET email = $2 WHERE id = $1 AND email <> $2;

-- name: LockAccount :one
SELECT * FROM accounts WHERE id = $1 FOR UPDATE;

-- name: SessionByHash :one
SELECT * FROM web_sessions WHERE session_hash = $1;

-- name: InsertSession :exec
INSERT INTO web_sessions (id, account_id, user_id, session_hash, csrf_token, refresh_token_sealed, access_expires_at, user_agent, created_at, last_seen_at, expires_at, may_set_password_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11);

-- name: EndOldestSessions :many
-- All but the newest ones.
UPDATE web_sessions SET revoked_at = sqlc.arg(now), refresh_token_sealed = NULL
WHERE id IN (
    SELECT id FROM web_sessions WHERE revoked_at IS NULL AND expires_at > sqlc.arg(now)::timestamptz
    ORDER BY created_at DESC, id DESC OFFSET sqlc.arg(keep)
)
RETURNING id;

-- name: TouchSession :exec
UPDATE web_sessions SET last_seen_at = $2 WHERE id = $1;

-- name: LeaseRefresh :one
-- One request at a time refreshes a session: whoever moves access_expires_at on.
UPDATE web_sessions SET access_expires_at = sqlc.arg(lease_until)::timestamptz
WHERE id = $1 AND revoked_at IS NULL AND access_expires_at <= sqlc.arg(now)::timestamptz
RETURNING refresh_token_sealed;

-- name: StoreRefresh :exec
UPDATE web_sessions SET refresh_token_sealed = $2, access_expires_at = $3 WHERE id = $1 AND revoked_at IS NULL;

-- name: RevokeSession :execrows
UPDATE web_sessions SET revoked_at = $2, refresh_token_sealed = NULL WHERE id = $1 AND revoked_at IS NULL;

-- name: RevokeAllSessions :execrows
UPDATE web_sessions SET revoked_at = sqlc.arg(now), refresh_token_sealed = NULL
WHERE revoked_at IS NULL AND (sqlc.narg(keep)::uuid IS NULL OR id <> sqlc.narg(keep));

-- name: SessionSecret :one
SELECT refresh_token_sealed FROM web_sessions WHERE id = $1;

-- name: ListSessions :many
SELECT * FROM web_sessions
WHERE revoked_at IS NULL AND expires_at > sqlc.arg(now) AND last_seen_at > sqlc.arg(seen_since)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(row_limit);

-- name: InsertAudit :exec
INSERT INTO audit_log (account_id, at, actor, action, subject_type, subject_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: LockIdempotency :exec
SELECT pg_advisory_xact_lock(hashtextextended(sqlc.arg(name)::text, 0));

-- name: IdempotentAnswer :one
SELECT body_hash, response FROM idempotency_keys WHERE operation = $1 AND key = $2 AND created_at > sqlc.arg(since);

-- name: StoreIdempotentAnswer :exec
INSERT INTO idempotency_keys (account_id, operation, key, body_hash, status, response, created_at)
VALUES ($1, $2, $3, $4, 201, $5, $6)
ON CONFLICT (account_id, operation, key)
DO UPDATE SET body_hash = excluded.body_hash, response = excluded.response, created_at = excluded.created_at;

-- name: ForgetIdempotentAnswers :exec
DELETE FROM idempotency_keys WHERE created_at <= sqlc.arg(before)::timestamptz;

-- name: UsageByType :many
SELECT type, sum(n)::bigint AS n FROM rollup_hourly
WHERE hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY type ORDER BY n DESC, type;

-- name: AccountIDs :many
SELECT account_id::uuid AS id FROM specter_account_ids(sqlc.arg(after_id)::uuid, sqlc.arg(row_limit)::int);

-- name: AccountsByEmail :many
SELECT account_id::uuid AS id FROM specter_accounts_by_email(sqlc.arg(email)::text);

-- name: PurgeBegun :one
-- Retention has made the gateway forget the account, or is about to.
SELECT EXISTS (SELECT FROM deletions WHERE account_id = $1 AND certificate IS NOT NULL);

-- name: PlainAccount :one
SELECT * FROM accounts WHERE id = $1;
