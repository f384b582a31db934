-- name: OpenAccountLimit :one
-- Locked, so that it is not deleted meanwhile.
SELECT monthly_signal_limit FROM accounts WHERE id = $1 AND closed_at IS NULL FOR KEY SHARE;

-- name: InsertQuotaNotice :execrows
INSERT INTO quota_notices (account_id, month, level, at) VALUES ($1, sqlc.arg(month)::timestamptz::date, $2, $3)
ON CONFLICT (account_id, month, level) DO NOTHING;

-- name: UnmailedNotice :one
-- Not to an account that is closed. Who was told that all is used need not hear any more that most of it is.
SELECT a.email FROM quota_notices n
JOIN accounts a ON a.id = n.account_id AND a.closed_at IS NULL
WHERE n.account_id = $1 AND n.month = sqlc.arg(month)::timestamptz::date AND n.level = $2 AND n.mailed_at IS NULL
  AND NOT EXISTS (SELECT FROM quota_notices m WHERE m.account_id = n.account_id AND m.month = n.month AND m.level = 'exceeded' AND m.mailed_at IS NOT NULL);

-- name: NoteMailed :exec
UPDATE quota_notices SET mailed_at = sqlc.arg(at) WHERE account_id = $1 AND month = sqlc.arg(month)::timestamptz::date AND level = $2 AND mailed_at IS NULL;

-- name: OpenAccountCounts :one
-- Locked, so that it is not deleted meanwhile.
SELECT a.monthly_signal_limit, a.monthly_signal_grace, coalesce(c.stored, 0)::bigint AS stored, coalesce(c.unstored, 0)::bigint AS unstored
FROM accounts a
LEFT JOIN signal_counts c ON c.account_id = a.id AND c.month = (sqlc.arg(month)::timestamptz AT TIME ZONE 'UTC')::date
WHERE a.id = $1 AND a.closed_at IS NULL
FOR KEY SHARE OF a;
