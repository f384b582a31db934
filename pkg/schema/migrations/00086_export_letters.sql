-- Who asked for an export is told by mail what came of it, once.
-- +goose Up
ALTER TABLE export_builds ADD COLUMN told_at timestamptz;
COMMENT ON COLUMN export_builds.told_at IS 'When the letter that it is ready, or failed, was handed over.';

-- +goose Down
ALTER TABLE export_builds DROP COLUMN told_at;
