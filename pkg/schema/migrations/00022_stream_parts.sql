-- +goose Up

-- A message's accounts are stored in parts, a transaction each, so that transactions which run at
-- once need not wait for each other's accounts. The last one writes the message's position and takes
-- the others' rows away: what is here is half stored.
CREATE TABLE stream_parts (
    stream                text NOT NULL,
    message_id            uuid NOT NULL,
    part                  smallint NOT NULL,
    stored                int NOT NULL,
    at                    timestamptz NOT NULL,
    PRIMARY KEY (stream, message_id, part)
);
COMMENT ON TABLE stream_parts IS 'writer: analyzer. Parts of messages of the SIGNALS stream whose effect is committed while the message''s is not yet; trimmed after 40 days, when a dead letter can no longer be replayed.';

ALTER TABLE stream_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_service ON stream_parts TO specter_analyzer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stream_parts TO specter_analyzer;

-- +goose Down

DROP TABLE stream_parts;
