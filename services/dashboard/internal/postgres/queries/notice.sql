-- name: OpenAccountLimit :one
-- Locked, so that it is not deleted meanwhile.
SELECT monthly_signal_limit::bigint FROM accounts WHERE id = $1 AND closed_at IS NULL FOR KEY SHARE;

-- name: InsertQuotaNotice :execrows
INSERT INTO quota_notices (account_id, month, level, at) VALUES ($1, sqlc.arg(month)::timestamptz::date, $2, $3)
ON CONFLICT (account_id, month, level) DO NOTHING;
