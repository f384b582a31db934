-- How far the stream's settled messages have been compared with what is stored.
-- +goose Up
CREATE TABLE reconciliations (
    stream                text PRIMARY KEY,
    -- When the broker made the stream: a younger one counts from 1 again.
    stream_created        timestamptz NOT NULL,
    verified              bigint NOT NULL,
    at                    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE reconciliations IS 'writer: analyzer. Up to which sequence every message of a stream is known to be stored or to be a dead letter.';
ALTER TABLE reconciliations ENABLE ROW LEVEL SECURITY;
ALTER TABLE reconciliations FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_service ON reconciliations TO specter_analyzer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON reconciliations TO specter_analyzer;

-- +goose Down
DROP TABLE reconciliations;
