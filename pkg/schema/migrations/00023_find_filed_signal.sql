-- One signal by its id, ours or the client's. Neither is indexed among the signals; the id
-- says where to look, and only blocks of that time are opened. A client's clock may be wrong,
-- and most ids carry no time: the day they are filed under tells what they do not.
-- +goose Up
-- Runs with its caller's rights: row-level security shows the tenant's signals only.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_find_signal(wanted uuid) RETURNS SETOF signals
    LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    timed boolean := get_byte(uuid_send(wanted), 6) >> 4 = 7;
    made  timestamptz;
    filed timestamptz;
    froms timestamptz[];
    tills timestamptz[];
BEGIN
    SELECT i.occurred_at INTO made FROM imported_ids i WHERE i.id = wanted;
    IF FOUND THEN
        froms := ARRAY [made];
        tills := ARRAY [made];
    ELSE
        IF timed THEN
            -- The time a UUIDv7 carries is that of receipt, or the client's. Most signals
            -- happened minutes before, none more than a day.
            made := to_timestamp((('x' || substr(replace(wanted::text, '-', ''), 1, 12))::bit(48)::bigint) / 1000.0);
            froms := ARRAY [made - interval '10 minutes'];
            tills := ARRAY [made + interval '10 minutes'];
        END IF;
        SELECT i.day::timestamp AT TIME ZONE 'UTC' INTO filed FROM signal_ids i WHERE i.id = wanted ORDER BY i.day DESC LIMIT 1;
        IF FOUND THEN
            -- The day of receipt; a UUIDv7 may be filed under the day before or after.
            froms := froms || filed - CASE WHEN timed THEN interval '2 days' ELSE interval '1 day' END;
            tills := tills || filed + CASE WHEN timed THEN interval '2 days' ELSE interval '1 day' END;
        END IF;
        IF timed THEN
            froms := froms || made - interval '25 hours';
            tills := tills || made + interval '25 hours';
        END IF;
    END IF;
    FOR k IN 1 .. coalesce(cardinality(froms), 0) LOOP
        RETURN QUERY
            SELECT s.* FROM (
                SELECT b.block_id, b.first_at FROM signal_blocks b
                WHERE b.last_at >= froms[k] AND b.first_at <= tills[k] AND (wanted = ANY (b.ids) OR wanted = ANY (b.client_ids))
                ORDER BY b.last_at LIMIT 1
            ) AS f
            JOIN signals s ON s.block_id = f.block_id AND s.block_first_at = f.first_at
            WHERE s.id = wanted OR s.client_id = wanted
            LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Runs with its caller's rights: row-level security shows the tenant's signals only.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_find_signal(wanted uuid) RETURNS SETOF signals
    LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    around timestamptz;
    spans  interval[];
    span   interval;
BEGIN
    SELECT i.occurred_at INTO around FROM imported_ids i WHERE i.id = wanted;
    IF FOUND THEN
        spans := ARRAY ['0 seconds'::interval];
    ELSIF get_byte(uuid_send(wanted), 6) >> 4 = 7 THEN
        -- The time a UUIDv7 carries is that of receipt, or the client's. Most signals
        -- happened minutes before, none more than a day.
        around := to_timestamp((('x' || substr(replace(wanted::text, '-', ''), 1, 12))::bit(48)::bigint) / 1000.0);
        spans := ARRAY ['10 minutes'::interval, '25 hours'::interval];
    ELSE
        -- Any other id of a client is remembered for two days.
        around := now();
        spans := ARRAY ['1 hour'::interval, '49 hours'::interval];
    END IF;
    FOREACH span IN ARRAY spans LOOP
        RETURN QUERY
            SELECT s.* FROM (
                SELECT b.block_id, b.first_at FROM signal_blocks b
                WHERE b.last_at >= around - span AND b.first_at <= around + span AND (wanted = ANY (b.ids) OR wanted = ANY (b.client_ids))
                ORDER BY b.last_at LIMIT 1
            ) AS k
            JOIN signals s ON s.block_id = k.block_id AND s.block_first_at = k.first_at
            WHERE s.id = wanted OR s.client_id = wanted
            LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd
