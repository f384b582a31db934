-- +goose NO TRANSACTION
-- A message that comes again under another sequence is known by its id. Built beside the
-- analyzers' writing; what a build that was interrupted left behind goes first.
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS stream_positions_message;
CREATE INDEX CONCURRENTLY stream_positions_message ON stream_positions (message_id);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS stream_positions_message;
