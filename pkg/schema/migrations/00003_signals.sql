-- Signals in blocks, their ids for deduplication, and rollups. One writer: analyzer.
-- +goose Up

-- What dedupes: the client's id when it sent one, else the gateway's. The
-- partition key must be part of a unique key, so a look at yesterday's
-- partition covers midnight (the writer serialises per account).
CREATE TABLE signal_ids (
    account_id            uuid NOT NULL,
    id                    uuid NOT NULL,
    day                   date NOT NULL,
    PRIMARY KEY (account_id, id, day)
) PARTITION BY RANGE (day);
COMMENT ON TABLE signal_ids IS 'writer: analyzer. Ids seen in the last 48 h; partitioned by day of receipt (UTC).';

CREATE TABLE imported_ids (
    account_id            uuid NOT NULL,
    id                    uuid NOT NULL,
    occurred_at           timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX imported_ids_age ON imported_ids (occurred_at);
COMMENT ON TABLE imported_ids IS 'writer: analyzer. Ids of imported history, kept as long as the signals themselves, so that an import repeated at any time changes nothing.';

-- signals: a JSON array of objects
--   {"id","client_id"?,"type","payload","at","received_at","session_id"?,"source","time_mark"?,"imported"?}
-- (times RFC 3339 in UTC; source script|sdk|webhook|rest), ordered by at.
CREATE TABLE signal_blocks (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    block_id              uuid NOT NULL,
    first_at              timestamptz NOT NULL,
    last_at               timestamptz NOT NULL,
    n                     int NOT NULL CHECK (n > 0),
    types                 text[] NOT NULL,
    signals               json NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, first_at, block_id)
) PARTITION BY RANGE (first_at);
CREATE INDEX signal_blocks_context ON signal_blocks (account_id, context_id, last_at DESC);
CREATE INDEX signal_blocks_product ON signal_blocks (account_id, product_id, last_at DESC);
-- The live tail asks for what was stored since it last looked.
CREATE INDEX signal_blocks_fresh ON signal_blocks (account_id, product_id, created_at DESC);
COMMENT ON TABLE signal_blocks IS 'writer: analyzer. Raw signals, up to about 1,000 a row; partitioned by month of first_at.';
-- +goose StatementBegin
DO $$
BEGIN
    ALTER TABLE signal_blocks ALTER COLUMN signals SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- a server built without lz4 keeps its default
END
$$;
-- +goose StatementEnd

CREATE TABLE rollup_hourly (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    type                  text NOT NULL,
    hour                  timestamptz NOT NULL,
    n                     bigint NOT NULL,
    PRIMARY KEY (account_id, context_id, type, hour)
) PARTITION BY RANGE (hour);
CREATE INDEX rollup_hourly_window ON rollup_hourly (account_id, context_id, hour);
CREATE INDEX rollup_hourly_product ON rollup_hourly (account_id, product_id, hour);
COMMENT ON TABLE rollup_hourly IS 'writer: analyzer. Signals per context, type and hour (UTC, start of hour).';

-- dimension: path | element | error | release | browser | country | bot | any payload key the context names.
-- value '' is the "other" row that keeps sums exact when a dimension is wide.
CREATE TABLE rollup_dimension_hourly (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    dimension             text NOT NULL,
    type                  text NOT NULL,
    value                 text NOT NULL,
    hour                  timestamptz NOT NULL,
    n                     bigint NOT NULL,
    PRIMARY KEY (account_id, context_id, hour, dimension, type, value)
) PARTITION BY RANGE (hour);
COMMENT ON TABLE rollup_dimension_hourly IS 'writer: analyzer. Signals per context, type, dimension, value and hour.';

CREATE TABLE product_activity (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    first_signal_at       timestamptz NOT NULL,
    last_signal_at        timestamptz NOT NULL,
    signals_total         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, product_id)
);
COMMENT ON TABLE product_activity IS 'writer: analyzer. First and last signal of a product, by time of receipt.';

CREATE TABLE stream_positions (
    stream                text NOT NULL,
    sequence              bigint NOT NULL,
    -- A broker that lost its store counts from 1 again: only the same message is the same.
    message_id            uuid NOT NULL,
    signals               int NOT NULL,
    stored                int NOT NULL,
    at                    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, sequence)
);
COMMENT ON TABLE stream_positions IS 'writer: analyzer. Messages of the SIGNALS stream whose effect is committed; read by the reconciliation, trimmed after 8 days.';

CREATE TABLE analyses (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    trigger               text NOT NULL CHECK (trigger IN ('timer', 'requested', 'import')),
    requested_by          text NOT NULL DEFAULT '',
    from_at               timestamptz NOT NULL,
    as_of                 timestamptz NOT NULL,
    outcome               text NOT NULL CHECK (outcome IN ('findings', 'nothing_significant', 'not_enough_data')),
    reason                text NOT NULL,
    finding_count         int NOT NULL DEFAULT 0,
    signals_24h           bigint NOT NULL,
    detail                jsonb NOT NULL DEFAULT '{}',
    started_at            timestamptz NOT NULL,
    finished_at           timestamptz NOT NULL
);
CREATE INDEX analyses_context ON analyses (account_id, context_id, finished_at DESC);
COMMENT ON TABLE analyses IS 'writer: analyzer. Every look at a context, also the ones that found nothing, with the reason.';

CREATE TABLE findings (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    analysis_id           uuid,
    family                text NOT NULL,
    fingerprint           text NOT NULL,
    severity              double precision NOT NULL CHECK (severity BETWEEN 0 AND 1),
    started_at            timestamptz NOT NULL,
    started_low           timestamptz NOT NULL,
    started_high          timestamptz NOT NULL,
    detected_at           timestamptz NOT NULL,
    resolved_at           timestamptz,
    evidence              jsonb NOT NULL,
    -- The deployment that made things worse, for family deployment_regressed.
    deployment_id         uuid,
    created_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, context_id, fingerprint)
);
CREATE INDEX findings_context ON findings (account_id, context_id, detected_at DESC);
CREATE INDEX findings_product ON findings (account_id, product_id, detected_at DESC);
COMMENT ON TABLE findings IS 'writer: analyzer. What went wrong, with its evidence. The fingerprint names the incident (family, context, start).';

-- Every reader of ours and people''s SQL see signals one a row.
CREATE VIEW signals WITH (security_invoker = true) AS
SELECT b.account_id,
       b.product_id,
       b.context_id,
       b.block_id,
       (s ->> 'id')::uuid                    AS id,
       (s ->> 'client_id')::uuid             AS client_id,
       s ->> 'type'                          AS type,
       s -> 'payload'                        AS payload,
       (s ->> 'at')::timestamptz             AS occurred_at,
       (s ->> 'received_at')::timestamptz    AS received_at,
       s ->> 'session_id'                    AS session_id,
       s ->> 'source'                        AS source,
       s ->> 'time_mark'                     AS time_mark,
       coalesce((s ->> 'imported')::boolean, false) AS imported,
       b.first_at                            AS block_first_at,
       b.last_at                             AS block_last_at
FROM signal_blocks b,
     json_array_elements(b.signals) AS s;

-- +goose Down
DROP VIEW signals;
DROP TABLE findings, analyses, stream_positions, product_activity, rollup_dimension_hourly, rollup_hourly, signal_blocks, imported_ids, signal_ids;
