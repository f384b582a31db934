-- Deleted rows leave their bytes in pages, statistics and the write-ahead log. What may be done about it.
-- +goose Up

-- Makes a table's statistics anew: they name its most common values. ANALYZE leaves those of an empty table as
-- they were; only a superuser may remove them, else they go with the table's next rows.
-- +goose StatementBegin
CREATE FUNCTION specter_scrub_statistics(name regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    there boolean;
BEGIN
    EXECUTE format('ANALYZE %s', name);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO there;
    IF NOT there THEN
        DELETE FROM pg_statistic WHERE starelid = name;
    END IF;
EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
    NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION specter_scrub_statistics(regclass) FROM PUBLIC;

-- Writes a table (or the partitions of one) anew without its dead rows, and its statistics with it. Larger
-- ones than most_bytes, and those somebody holds, are left: the answer is how many bytes that are. Runs with
-- the owner's rights because a service owns no table.
-- +goose StatementBegin
CREATE FUNCTION specter_scrub_table(name regclass, most_bytes bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    leaf record;
    remains bigint := 0;
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    FOR leaf IN
        SELECT p.relid, pg_total_relation_size(p.relid) AS bytes,
            (SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = p.relid AND i.indisvalid AND i.indpred IS NULL ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) AS index
        FROM pg_partition_tree(name) p JOIN pg_class c ON c.oid = p.relid AND c.relkind = 'r'
        UNION ALL
        SELECT c.oid, pg_total_relation_size(c.oid),
            (SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1)
        FROM pg_class c WHERE c.oid = name AND NOT EXISTS (SELECT FROM pg_partition_tree(name))
    LOOP
        IF pg_relation_size(leaf.relid) = 0 AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = leaf.relid) THEN
            CONTINUE; -- nothing was ever there
        END IF;
        IF leaf.bytes > most_bytes OR leaf.index IS NULL THEN
            remains := remains + leaf.bytes;
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CLUSTER %s USING %I', leaf.relid::regclass, leaf.index);
        EXCEPTION WHEN lock_not_available THEN
            remains := remains + leaf.bytes;
            CONTINUE;
        END;
        PERFORM public.specter_scrub_statistics(leaf.relid::regclass);
    END LOOP;
    PERFORM public.specter_scrub_statistics(name); -- a partitioned table has some of its own
    RETURN remains;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION specter_scrub_table(regclass, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_scrub_table(regclass, bigint) TO specter_retention;

-- Writes the server's statistics anew, ends the write-ahead log's segment and lets go of those before it; false
-- when only the server's administrator may do that.
-- +goose StatementBegin
CREATE FUNCTION specter_scrub_log() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    BEGIN
        CLUSTER pg_catalog.pg_statistic USING pg_statistic_relid_att_inh_index;
    EXCEPTION WHEN lock_not_available THEN
        NULL; -- its dead rows go with the next vacuum
    END;
    PERFORM pg_switch_wal();
    EXECUTE 'CHECKPOINT';
    RETURN true;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN false;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION specter_scrub_log() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_scrub_log() TO specter_retention;

-- +goose Down
DROP FUNCTION specter_scrub_log();
DROP FUNCTION specter_scrub_table(regclass, bigint);
DROP FUNCTION specter_scrub_statistics(regclass);
