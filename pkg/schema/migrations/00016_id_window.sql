-- Ids are looked up by the day a signal was received, however late it is stored: a message
-- may wait in the stream for a week, and what is looked up lies up to two days before. So ids
-- are kept for nine days by the day of receipt, and for ten by the day they are filed under,
-- which may be that of a time the id carries. Later ones are looked up in the signals.
-- +goose Up
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
-- Drops one partition, if the policy allows it: nothing younger than ten days
-- of ids or one month of signals can be dropped through here.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_drop_partition(child text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM public.specter_old_partitions(now() - interval '1 month', (now() AT TIME ZONE 'UTC')::date - 10) AS o WHERE o.child = specter_drop_partition.child
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE public.%I', child);
    RETURN true;
END
$$;
-- +goose StatementEnd

COMMENT ON TABLE signal_ids IS 'writer: analyzer. Ids of live signals of the last ten days; partitioned by day (UTC), that of receipt or the one a UUIDv7 carries.';
SELECT specter_ensure_partitions(now() - interval '1 month', now() + interval '2 months');

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
-- Drops one partition, if the policy allows it: nothing younger than 48 h of
-- ids or one month of signals can be dropped through here.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_drop_partition(child text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM public.specter_old_partitions(now() - interval '1 month', (now() AT TIME ZONE 'UTC')::date - 2) AS o WHERE o.child = specter_drop_partition.child
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE public.%I', child);
    RETURN true;
END
$$;
-- +goose StatementEnd

COMMENT ON TABLE signal_ids IS 'writer: analyzer. Ids seen in the last 48 h; partitioned by day of receipt (UTC).';
