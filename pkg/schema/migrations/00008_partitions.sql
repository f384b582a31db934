-- Partitions: made ahead of need, dropped by age.
-- +goose Up

-- Creates the missing monthly partitions that hold from_at … to_at and the
-- missing daily partitions of signal_ids from yesterday to a week ahead.
-- Callers may only extend what the policy keeps: 24 months back, 3 ahead.
-- Runs with the owner's rights because a service owns no table.
-- +goose StatementBegin
CREATE FUNCTION specter_ensure_partitions(from_at timestamptz, to_at timestamptz) RETURNS int
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
REVOKE ALL ON FUNCTION specter_ensure_partitions(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_ensure_partitions(timestamptz, timestamptz) TO specter_analyzer, specter_retention;

-- Partitions that end at or before a bound, with their row estimate.
-- +goose StatementBegin
CREATE FUNCTION specter_old_partitions(signals_before timestamptz, ids_before date)
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
REVOKE ALL ON FUNCTION specter_old_partitions(timestamptz, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_old_partitions(timestamptz, date) TO specter_retention;

-- Drops one partition, if the policy allows it: nothing younger than 48 h of
-- ids or one month of signals can be dropped through here.
-- +goose StatementBegin
CREATE FUNCTION specter_drop_partition(child text) RETURNS boolean
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
REVOKE ALL ON FUNCTION specter_drop_partition(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_drop_partition(text) TO specter_retention;

SELECT specter_ensure_partitions(now() - interval '1 month', now() + interval '2 months');

-- +goose Down
DROP FUNCTION specter_drop_partition(text);
DROP FUNCTION specter_old_partitions(timestamptz, date);
DROP FUNCTION specter_ensure_partitions(timestamptz, timestamptz);
