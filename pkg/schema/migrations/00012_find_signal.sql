-- One signal by its id, ours or the client's. Neither is indexed: the id says where to
-- look, and only blocks of that time are opened.
-- +goose Up
CREATE INDEX signal_blocks_time ON signal_blocks (account_id, last_at) INCLUDE (first_at);

-- Runs with its caller's rights: row-level security shows the tenant's signals only.
-- +goose StatementBegin
CREATE FUNCTION specter_find_signal(wanted uuid) RETURNS SETOF signals
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
REVOKE ALL ON FUNCTION specter_find_signal(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_find_signal(uuid) TO specter_dashboard, specter_analyzer;
GRANT SELECT ON imported_ids TO specter_dashboard;

-- +goose Down
REVOKE SELECT ON imported_ids FROM specter_dashboard;
DROP FUNCTION specter_find_signal(uuid);
DROP INDEX signal_blocks_time;
