-- Blocks keep their signals by column: an id takes 16 bytes in place of 36 and no
-- key is repeated, so a signal takes about 60 % of the room, and SQL unnests arrays
-- faster than it takes JSON apart.
-- +goose Up
DROP VIEW signals;

ALTER TABLE signal_blocks
    ADD COLUMN ids         uuid[],
    ADD COLUMN client_ids  uuid[],
    ADD COLUMN at_us       bigint[],
    ADD COLUMN delay_us    bigint[],
    ADD COLUMN type_nos    smallint[],
    ADD COLUMN sessions    text[],
    ADD COLUMN session_nos smallint[],
    ADD COLUMN flags       smallint[],
    ADD COLUMN payloads    json;
COMMENT ON TABLE signal_blocks IS 'writer: analyzer. Raw signals, up to about 1,000 a row; partitioned by month of first_at. The arrays are parallel: element i of each is signal i, in the order of time. People read the view signals.';
COMMENT ON COLUMN signal_blocks.ids IS 'the gateway''s ids';
COMMENT ON COLUMN signal_blocks.client_ids IS 'the clients'' own ids; an element is null where there was none, the column where there was none at all';
COMMENT ON COLUMN signal_blocks.at_us IS 'when it happened, in microseconds after first_at';
COMMENT ON COLUMN signal_blocks.delay_us IS 'when it was received, in microseconds after it happened';
COMMENT ON COLUMN signal_blocks.type_nos IS 'index into types, from 1';
COMMENT ON COLUMN signal_blocks.sessions IS 'the session ids, each once';
COMMENT ON COLUMN signal_blocks.session_nos IS 'index into sessions, from 1; 0 = none';
COMMENT ON COLUMN signal_blocks.flags IS 'bits 0-1: source (0 script, 1 sdk, 2 webhook, 3 rest); bits 2-3: time mark (0 none, 1 received, 2 clamped_old, 3 clamped_future); bit 4: imported';
COMMENT ON COLUMN signal_blocks.payloads IS 'a JSON array of the payloads, each as it was sent';

-- The owner converts what is there; row-level security shows it nothing otherwise.
ALTER TABLE signal_blocks NO FORCE ROW LEVEL SECURITY;
UPDATE signal_blocks b SET
    ids = c.ids, client_ids = c.client_ids, at_us = c.at_us, delay_us = c.delay_us, type_nos = c.type_nos,
    sessions = c.sessions, session_nos = c.session_nos, flags = c.flags, payloads = c.payloads
FROM (
    SELECT o.account_id, o.first_at, o.block_id,
           array_agg((s ->> 'id')::uuid ORDER BY i) AS ids,
           CASE WHEN count(s ->> 'client_id') > 0 THEN array_agg((s ->> 'client_id')::uuid ORDER BY i) END AS client_ids,
           array_agg((extract(epoch FROM (s ->> 'at')::timestamptz - o.first_at) * 1000000)::bigint ORDER BY i) AS at_us,
           array_agg((extract(epoch FROM (s ->> 'received_at')::timestamptz - (s ->> 'at')::timestamptz) * 1000000)::bigint ORDER BY i) AS delay_us,
           array_agg(array_position(o.types, s ->> 'type')::smallint ORDER BY i) AS type_nos,
           d.sessions,
           array_agg(coalesce(array_position(d.sessions, s ->> 'session_id'), 0)::smallint ORDER BY i) AS session_nos,
           array_agg((CASE s ->> 'source' WHEN 'script' THEN 0 WHEN 'sdk' THEN 1 WHEN 'webhook' THEN 2 ELSE 3 END
               + 4 * CASE s ->> 'time_mark' WHEN 'received' THEN 1 WHEN 'clamped_old' THEN 2 WHEN 'clamped_future' THEN 3 ELSE 0 END
               + 16 * coalesce((s ->> 'imported')::boolean, false)::int)::smallint ORDER BY i) AS flags,
           ('[' || string_agg((s -> 'payload')::text, ',' ORDER BY i) || ']')::json AS payloads
    FROM signal_blocks o
    CROSS JOIN LATERAL (SELECT coalesce(array_agg(DISTINCT e ->> 'session_id') FILTER (WHERE e ->> 'session_id' <> ''), '{}') AS sessions FROM json_array_elements(o.signals) AS e) AS d
    CROSS JOIN LATERAL json_array_elements(o.signals) WITH ORDINALITY AS x (s, i)
    GROUP BY o.account_id, o.first_at, o.block_id, d.sessions
) AS c
WHERE b.account_id = c.account_id AND b.first_at = c.first_at AND b.block_id = c.block_id;
ALTER TABLE signal_blocks FORCE ROW LEVEL SECURITY;

ALTER TABLE signal_blocks
    DROP COLUMN signals,
    ALTER COLUMN ids SET NOT NULL,
    ALTER COLUMN at_us SET NOT NULL,
    ALTER COLUMN delay_us SET NOT NULL,
    ALTER COLUMN type_nos SET NOT NULL,
    ALTER COLUMN sessions SET NOT NULL,
    ALTER COLUMN session_nos SET NOT NULL,
    ALTER COLUMN flags SET NOT NULL,
    ALTER COLUMN payloads SET NOT NULL,
    -- Random bits: trying to compress them only takes time.
    ALTER COLUMN ids SET STORAGE EXTERNAL,
    ALTER COLUMN client_ids SET STORAGE EXTERNAL;
-- +goose StatementBegin
DO $$
DECLARE
    part regclass;
    name text;
BEGIN
    -- Partitions to come take it from the parent; those that exist are not reached through it.
    FOR part IN SELECT 'signal_blocks'::regclass UNION ALL SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'signal_blocks'::regclass LOOP
        FOREACH name IN ARRAY ARRAY['at_us', 'delay_us', 'type_nos', 'sessions', 'session_nos', 'flags', 'payloads'] LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION lz4', part, name);
        END LOOP;
    END LOOP;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- a server built without lz4 keeps its default
END
$$;
-- +goose StatementEnd

-- Every reader of ours and people's SQL see signals one a row.
CREATE VIEW signals WITH (security_invoker = true) AS
SELECT b.account_id,
       b.product_id,
       b.context_id,
       b.block_id,
       s.id::uuid                                                                    AS id,
       s.client_id::uuid                                                             AS client_id,
       b.types[s.type_no]                                                            AS type,
       s.payload::json                                                               AS payload,
       (b.first_at + s.at_us * interval '1 microsecond')::timestamptz                AS occurred_at,
       (b.first_at + (s.at_us + s.delay_us) * interval '1 microsecond')::timestamptz AS received_at,
       b.sessions[s.session_no]                                                      AS session_id,
       (ARRAY ['script', 'sdk', 'webhook', 'rest'])[1 + (s.flags & 3)]               AS source,
       (ARRAY ['received', 'clamped_old', 'clamped_future'])[(s.flags >> 2) & 3]     AS time_mark,
       (s.flags & 16 <> 0)::boolean                                                  AS imported,
       b.first_at                                                                    AS block_first_at,
       b.last_at                                                                     AS block_last_at
FROM signal_blocks b
CROSS JOIN LATERAL ROWS FROM (
    unnest(b.ids, b.client_ids, b.at_us, b.delay_us, b.type_nos, b.session_nos, b.flags),
    json_array_elements(b.payloads)
) AS s (id, client_id, at_us, delay_us, type_no, session_no, flags, payload);
GRANT SELECT ON signals TO specter_dashboard, specter_analyzer;

-- +goose Down
DROP VIEW signals;
ALTER TABLE signal_blocks ADD COLUMN signals json;
COMMENT ON TABLE signal_blocks IS 'writer: analyzer. Raw signals, up to about 1,000 a row; partitioned by month of first_at.';
-- What is stored stays readable to the version before.
ALTER TABLE signal_blocks NO FORCE ROW LEVEL SECURITY;
UPDATE signal_blocks b SET signals = (
    SELECT json_agg(json_build_object('id', s.id, 'client_id', s.client_id, 'type', b.types[s.type_no], 'payload', s.payload,
        'at', b.first_at + s.at_us * interval '1 microsecond', 'received_at', b.first_at + (s.at_us + s.delay_us) * interval '1 microsecond',
        'session_id', b.sessions[s.session_no], 'source', (ARRAY ['script', 'sdk', 'webhook', 'rest'])[1 + (s.flags & 3)],
        'time_mark', (ARRAY ['received', 'clamped_old', 'clamped_future'])[(s.flags >> 2) & 3], 'imported', CASE WHEN s.flags & 16 <> 0 THEN true END))
    FROM ROWS FROM (unnest(b.ids, b.client_ids, b.at_us, b.delay_us, b.type_nos, b.session_nos, b.flags), json_array_elements(b.payloads))
        AS s (id, client_id, at_us, delay_us, type_no, session_no, flags, payload));
ALTER TABLE signal_blocks FORCE ROW LEVEL SECURITY;
ALTER TABLE signal_blocks ALTER COLUMN signals SET NOT NULL,
    DROP COLUMN ids, DROP COLUMN client_ids, DROP COLUMN at_us, DROP COLUMN delay_us, DROP COLUMN type_nos,
    DROP COLUMN sessions, DROP COLUMN session_nos, DROP COLUMN flags, DROP COLUMN payloads;
CREATE VIEW signals WITH (security_invoker = true) AS
SELECT b.account_id, b.product_id, b.context_id, b.block_id, (s ->> 'id')::uuid AS id, (s ->> 'client_id')::uuid AS client_id, s ->> 'type' AS type,
       s -> 'payload' AS payload, (s ->> 'at')::timestamptz AS occurred_at, (s ->> 'received_at')::timestamptz AS received_at,
       s ->> 'session_id' AS session_id, s ->> 'source' AS source, s ->> 'time_mark' AS time_mark,
       coalesce((s ->> 'imported')::boolean, false) AS imported, b.first_at AS block_first_at, b.last_at AS block_last_at
FROM signal_blocks b, json_array_elements(b.signals) AS s;
GRANT SELECT ON signals TO specter_dashboard;
