-- A notice of a monthly limit is mailed by a timer, which waits for a mail server that is away.
-- +goose Up
ALTER TABLE quota_notices ADD COLUMN mailed_at timestamptz;
COMMENT ON COLUMN quota_notices.mailed_at IS 'When the letter was handed over. Absent: not yet, or before there was this column.';
GRANT UPDATE (mailed_at) ON quota_notices TO specter_dashboard;

-- +goose Down
REVOKE UPDATE (mailed_at) ON quota_notices FROM specter_dashboard;
ALTER TABLE quota_notices DROP COLUMN mailed_at;
