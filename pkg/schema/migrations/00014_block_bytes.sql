-- How much a block holds in bytes: the hourly merge leaves one alone that is full of
-- few large payloads, and need not read it to know.
-- +goose Up
ALTER TABLE signal_blocks ADD COLUMN payload_bytes int;
COMMENT ON COLUMN signal_blocks.payload_bytes IS 'length of payloads as text; null in blocks that are older than the column';

-- +goose Down
ALTER TABLE signal_blocks DROP COLUMN payload_bytes;
