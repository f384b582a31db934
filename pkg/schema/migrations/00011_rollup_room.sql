-- Rollup rows of the running hour are updated by every batch. With room on their page
-- the new version stays there and no index is touched; without, 9 of 10 updates added
-- to the index, and the tables grew to more than twice this size.
-- +goose Up
-- Creates the missing monthly partitions that hold from_at … to_at and the
-- missing daily partitions of signal_ids from yesterday to a week ahead.
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
    FOR day IN SELECT generate_series((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7, interval '1 day')::date LOOP
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
-- +goose StatementBegin
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent IN ('rollup_hourly'::regclass, 'rollup_dimension_hourly'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 50)', part);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Creates the missing monthly partitions that hold from_at … to_at and the
-- missing daily partitions of signal_ids from yesterday to a week ahead.
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
                created := created + 1;
            END IF;
        END LOOP;
        low := low + interval '1 month';
    END LOOP;
    FOR day IN SELECT generate_series((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7, interval '1 day')::date LOOP
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
-- +goose StatementBegin
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent IN ('rollup_hourly'::regclass, 'rollup_dimension_hourly'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s RESET (fillfactor)', part);
    END LOOP;
END
$$;
-- +goose StatementEnd
