-- name: OpenAccountLimit :one
-- Locked, so that it is not deleted meanwhile.
SELECT monthly_signal_limit, email FROM accounts WHERE id = $1 AND closed_at IS NULL FOR KEY SHARE;

-- name: InsertQuotaNotice :execrows
INSERT INTO quota_notices (account_id, month, level, at) VALUES ($1, sqlc.arg(month)::timestamptz::date, $2, $3)
ON CONFLICT (account_id, month, level) DO NOTHING;

-- name: OpenAccountCounts :one
-- Locked, so that it is not deleted meanwhile.
SELECT a.monthly_signal_limit, a.monthly_signal_grace, coalesce(c.stored, 0)::bigint AS stored, coalesce(c.unstored, 0)::bigint AS unstored
FROM accounts a
LEFT JOIN signal_counts c ON c.account_id = a.id AND c.month = (sqlc.arg(month)::timestamptz AT TIME ZONE 'UTC')::date
WHERE a.id = $1 AND a.closed_at IS NULL
FOR KEY SHARE OF a;
