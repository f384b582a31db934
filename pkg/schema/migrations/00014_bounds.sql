-- What bounds blocks and rollups.
-- +goose Up

-- The hourly merge leaves a block alone that is full of few large payloads, and need
-- not read it to know.
ALTER TABLE signal_blocks ADD COLUMN payload_bytes int;
COMMENT ON COLUMN signal_blocks.payload_bytes IS 'length of payloads as text; null in blocks that are older than the column';

COMMENT ON TABLE rollup_hourly IS 'writer: analyzer. Signals per context, type and hour (UTC, start of hour). The empty type adds up those that are not counted by themselves.';
COMMENT ON TABLE rollup_dimension_hourly IS 'writer: analyzer. Signals per context, type, dimension, value and hour. The empty type and the empty value add up those that are not counted by themselves.';

-- +goose Down
COMMENT ON TABLE rollup_hourly IS 'writer: analyzer. Signals per context, type and hour (UTC, start of hour).';
COMMENT ON TABLE rollup_dimension_hourly IS 'writer: analyzer. Signals per context, type, dimension, value and hour.';
ALTER TABLE signal_blocks DROP COLUMN payload_bytes;
