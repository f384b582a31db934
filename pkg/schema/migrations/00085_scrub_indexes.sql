-- The indexes of a table that a vacuum has emptied are scrubbed too.
-- +goose Up

-- Writes a table (or the partitions of one) anew without its dead rows, and its statistics with it. Larger
-- ones than most_bytes, and those somebody holds, are left: the answer is how many bytes that are. Runs with
-- the owner's rights because a service owns no table.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_scrub_table(name regclass, most_bytes bigint) RETURNS bigint
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
        -- A vacuum cuts the file of a table without rows to nothing, but leaves its indexes' pages with what was in
        -- them; an index that never had a row is one page.
        CONTINUE WHEN pg_relation_size(leaf.relid) = 0
            AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = leaf.relid AND pg_relation_size(i.indexrelid) > current_setting('block_size')::bigint)
            AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = leaf.relid AND c.reltoastrelid <> 0 AND pg_total_relation_size(c.reltoastrelid) > current_setting('block_size')::bigint)
            AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = leaf.relid);
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

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_scrub_table(name regclass, most_bytes bigint) RETURNS bigint
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
