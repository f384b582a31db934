-- An account may keep the use of its dashboard from being measured (SPECTER_POSTHOG_HOST).
-- +goose Up
ALTER TABLE accounts ADD COLUMN measured boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN accounts.measured IS 'Whether the use of the dashboard may be measured where the operator has turned that on.';

-- +goose Down
ALTER TABLE accounts DROP COLUMN measured;
