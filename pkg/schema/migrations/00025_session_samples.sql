-- Sessions: a bounded sample of them an hour, the funnel of a context, and how many
-- sessions took its steps. One writer: analyzer, but for the funnel's definition.
-- +goose Up

ALTER TABLE contexts ADD COLUMN funnel text[] NOT NULL DEFAULT '{}';
-- A CHECK may not ask a query of the array, a function may.
-- +goose StatementBegin
CREATE FUNCTION specter_is_funnel(steps text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT cardinality(steps) = 0
        OR array_ndims(steps) = 1 AND cardinality(steps) BETWEEN 2 AND 8 AND (SELECT count(DISTINCT s) FROM unnest(steps) AS s WHERE s <> '') = cardinality(steps) $$;
-- +goose StatementEnd
ALTER TABLE contexts ADD CONSTRAINT contexts_funnel_check CHECK (specter_is_funnel(funnel));
COMMENT ON COLUMN contexts.funnel IS 'signal types in the order a session is meant to send them: none, or 2 to 8 different ones';

-- A row is what one batch added to an hour; an hourly merge makes one row an hour of them.
CREATE TABLE session_samples (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    hour                  timestamptz NOT NULL,
    sample_id             uuid NOT NULL,
    level                 smallint NOT NULL CHECK (level BETWEEN 0 AND 63),
    sessions              bigint[] NOT NULL,
    signals               bytea NOT NULL,
    stored_at             timestamptz NOT NULL,
    PRIMARY KEY (account_id, context_id, hour, sample_id)
) PARTITION BY RANGE (hour);
COMMENT ON TABLE session_samples IS 'writer: analyzer. A sample of the sessions of each context and hour (UTC, start of hour), at most 256 of them; partitioned by month of the hour, kept 35 days. A session is in it when its hash, read as unsigned, lies below 2^(64 - level) of the highest level of the hour''s rows: so sessions are estimated as those in it times 2^level.';
COMMENT ON COLUMN session_samples.level IS 'how often the sample was halved when the row was written';
COMMENT ON COLUMN session_samples.sessions IS 'hashes of session ids, each once a row; never the ids';
COMMENT ON COLUMN session_samples.signals IS 'what each of them sent, in the encoding of services/analyzer/internal/session';
-- +goose StatementBegin
DO $$
BEGIN
    ALTER TABLE session_samples ALTER COLUMN signals SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- a server built without lz4 keeps its default
END
$$;
-- +goose StatementEnd

CREATE TABLE rollup_funnel_hourly (
    account_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    funnel                bytea NOT NULL CHECK (octet_length(funnel) = 16),
    hour                  timestamptz NOT NULL,
    level                 smallint NOT NULL CHECK (level BETWEEN 0 AND 63),
    reached               int[] NOT NULL,
    computed_at           timestamptz NOT NULL,
    PRIMARY KEY (account_id, context_id, funnel, hour)
) PARTITION BY RANGE (hour);
COMMENT ON TABLE rollup_funnel_hourly IS 'writer: analyzer. Sampled sessions that entered a funnel in an hour (UTC, start of hour), by the steps they reached within 60 minutes of it; times 2^level estimates all. Partitioned by month of the hour.';
COMMENT ON COLUMN rollup_funnel_hourly.funnel IS 'digest of the steps: edited ones are counted anew';
COMMENT ON COLUMN rollup_funnel_hourly.reached IS 'element i: sampled sessions that reached step i';

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['session_samples', 'rollup_funnel_hourly'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()))', name);
    END LOOP;
END
$$;
-- +goose StatementEnd
GRANT SELECT, INSERT, DELETE ON session_samples TO specter_analyzer;
GRANT SELECT, INSERT, UPDATE ON rollup_funnel_hourly TO specter_analyzer;
GRANT SELECT, DELETE ON session_samples, rollup_funnel_hourly TO specter_retention;

-- Creates the missing monthly partitions that hold from_at … to_at and the
-- missing daily partitions of signal_ids from ten days back to a week ahead.
-- Callers may only extend what the policy keeps: 24 months back, 3 ahead.
-- Runs with the owner's rights because a service owns no table.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_ensure_partitions(from_at timestamptz, to_at timestamptz) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    parent  text;
    child   text;
    low     timestamp;
    high    timestamp;
    day     date;
    created int := 0;
BEGIN
    -- Services start together: one creates, the others find it done.
    PERFORM pg_advisory_xact_lock(hashtextextended('specter_ensure_partitions', 0));
    low := date_trunc('month', greatest(from_at, now() - interval '25 months') AT TIME ZONE 'UTC');
    high := date_trunc('month', least(to_at, now() + interval '3 months') AT TIME ZONE 'UTC');
    WHILE low <= high LOOP
        FOREACH parent IN ARRAY ARRAY['signal_blocks', 'rollup_hourly', 'rollup_dimension_hourly', 'rollup_funnel_hourly', 'session_samples'] LOOP
            child := parent || '_' || to_char(low, 'YYYYMM');
            IF to_regclass('public.' || quote_ident(child)) IS NULL THEN
                EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                    child, parent, to_char(low, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(low + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
                -- Nobody is granted a child; should that ever change, RLS without a policy still shows nothing.
                EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', child);
                EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', child);
                IF parent IN ('rollup_hourly', 'rollup_dimension_hourly') THEN
                    EXECUTE format('ALTER TABLE public.%I SET (fillfactor = 50)', child);
                END IF;
                created := created + 1;
            END IF;
        END LOOP;
        low := low + interval '1 month';
    END LOOP;
    FOR day IN SELECT generate_series((now() AT TIME ZONE 'UTC')::date - 10, (now() AT TIME ZONE 'UTC')::date + 7, interval '1 day')::date LOOP
        child := 'signal_ids_' || to_char(day, 'YYYYMMDD');
        IF to_regclass('public.' || quote_ident(child)) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.signal_ids FOR VALUES FROM (%L) TO (%L)', child, day, day + 1);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', child);
            created := created + 1;
        END IF;
    END LOOP;
    RETURN created;
END
$$;
-- +goose StatementEnd
-- Partitions that end at or before a bound, with their row estimate. Samples of sessions
-- are kept 35 days at most.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_old_partitions(signals_before timestamptz, ids_before date)
    RETURNS TABLE (parent text, child text, upper_bound timestamptz, estimated_rows bigint, bytes bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
    SELECT p.relname::text, c.relname::text,
           (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz AS upper_bound,
           greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = p.relnamespace AND n.nspname = 'public'
    WHERE (p.relname IN ('signal_blocks', 'rollup_hourly', 'rollup_dimension_hourly', 'rollup_funnel_hourly')
           AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= signals_before)
       OR (p.relname = 'session_samples'
           AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= greatest(signals_before, now() - interval '35 days'))
       OR (p.relname = 'signal_ids'
           AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::date <= ids_before)
    ORDER BY 1, 2
$$;
-- +goose StatementEnd

SELECT specter_ensure_partitions(now() - interval '1 month', now() + interval '2 months');

-- +goose Down
-- Creates the missing monthly partitions that hold from_at … to_at and the
-- missing daily partitions of signal_ids from ten days back to a week ahead.
-- Callers may only extend what the policy keeps: 24 months back, 3 ahead.
-- Runs with the owner's rights because a service owns no table.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_ensure_partitions(from_at timestamptz, to_at timestamptz) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    parent  text;
    child   text;
    low     timestamp;
    high    timestamp;
    day     date;
    created int := 0;
BEGIN
    -- Services start together: one creates, the others find it done.
    PERFORM pg_advisory_xact_lock(hashtextextended('specter_ensure_partitions', 0));
    low := date_trunc('month', greatest(from_at, now() - interval '25 months') AT TIME ZONE 'UTC');
    high := date_trunc('month', least(to_at, now() + interval '3 months') AT TIME ZONE 'UTC');
    WHILE low <= high LOOP
        FOREACH parent IN ARRAY ARRAY['signal_blocks', 'rollup_hourly', 'rollup_dimension_hourly'] LOOP
            child := parent || '_' || to_char(low, 'YYYYMM');
            IF to_regclass('public.' || quote_ident(child)) IS NULL THEN
                EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                    child, parent, to_char(low, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(low + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
                -- Nobody is granted a child; should that ever change, RLS without a policy still shows nothing.
                EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', child);
                EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', child);
                IF parent <> 'signal_blocks' THEN
                    EXECUTE format('ALTER TABLE public.%I SET (fillfactor = 50)', child);
                END IF;
                created := created + 1;
            END IF;
        END LOOP;
        low := low + interval '1 month';
    END LOOP;
    FOR day IN SELECT generate_series((now() AT TIME ZONE 'UTC')::date - 10, (now() AT TIME ZONE 'UTC')::date + 7, interval '1 day')::date LOOP
        child := 'signal_ids_' || to_char(day, 'YYYYMMDD');
        IF to_regclass('public.' || quote_ident(child)) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.signal_ids FOR VALUES FROM (%L) TO (%L)', child, day, day + 1);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', child);
            created := created + 1;
        END IF;
    END LOOP;
    RETURN created;
END
$$;
-- +goose StatementEnd
-- Partitions that end at or before a bound, with their row estimate.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_old_partitions(signals_before timestamptz, ids_before date)
    RETURNS TABLE (parent text, child text, upper_bound timestamptz, estimated_rows bigint, bytes bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
    SELECT p.relname::text, c.relname::text,
           (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz AS upper_bound,
           greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = p.relnamespace AND n.nspname = 'public'
    WHERE (p.relname IN ('signal_blocks', 'rollup_hourly', 'rollup_dimension_hourly')
           AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= signals_before)
       OR (p.relname = 'signal_ids'
           AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::date <= ids_before)
    ORDER BY 1, 2
$$;
-- +goose StatementEnd
DROP TABLE rollup_funnel_hourly, session_samples;
ALTER TABLE contexts DROP COLUMN funnel;
DROP FUNCTION specter_is_funnel(text[]);
