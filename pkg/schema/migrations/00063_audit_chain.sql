-- Every account's audit log is a chain: each entry holds the hash of the one before it, so that an entry that was changed,
-- taken out or put in between shows. The database makes the chain; services/dashboard/internal/auditlog computes it anew.
-- +goose Up
ALTER TABLE audit_log
    -- The entry's place in its account's log: 1, 2, 3 … without a gap.
    ADD COLUMN seq       bigint,
    -- The hash of entry seq - 1; 32 zero bytes for the first.
    ADD COLUMN prev_hash bytea CHECK (octet_length(prev_hash) = 32),
    ADD COLUMN hash      bytea CHECK (octet_length(hash) = 32);
COMMENT ON TABLE audit_log IS 'writer: dashboard. Who did what and when; append-only. Each account''s entries are a chain of hashes.';
COMMENT ON COLUMN audit_log.hash IS 'SHA-256 of the entry as netstrings; see specter_audit_hash';

-- What is hashed: ten netstrings (the length in bytes, a colon, the text, a comma), one after the other. The time counts
-- microseconds since 1970 (UTC), detail is the text Postgres prints of the jsonb, an absent subject_id is empty.
CREATE FUNCTION specter_audit_hash(entry audit_log) RETURNS bytea
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT sha256(convert_to(string_agg(octet_length(convert_to(part, 'UTF8')) || ':' || part || ',', '' ORDER BY i), 'UTF8'))
    FROM unnest(ARRAY[
        'specter-audit-1', encode(entry.prev_hash, 'hex'), entry.account_id::text, entry.seq::text,
        (extract(epoch FROM entry.at) * 1000000)::bigint::text,
        entry.actor, entry.action, entry.subject_type, coalesce(entry.subject_id::text, ''), entry.detail::text
    ]) WITH ORDINALITY AS parts (part, i)
$$;
REVOKE ALL ON FUNCTION specter_audit_hash(audit_log) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_audit_hash(audit_log) TO specter_dashboard;

-- Whatever a writer says of an entry's place is overwritten. Two transactions that write for one account take turns until
-- they commit; should one of them see an old snapshot, the primary key refuses its entry.
-- +goose StatementBegin
CREATE FUNCTION specter_chain_audit() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('specter_chain_audit ' || NEW.account_id, 0));
    SELECT l.seq, l.hash INTO last FROM public.audit_log l WHERE l.account_id = NEW.account_id ORDER BY l.seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.prev_hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    NEW.hash := public.specter_audit_hash(NEW);
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION specter_chain_audit() FROM PUBLIC;

-- What was written before gets its chain in the order of writing; row-level security shows the owner nothing otherwise.
ALTER TABLE audit_log NO FORCE ROW LEVEL SECURITY;
-- +goose StatementBegin
DO $$
DECLARE
    entry    audit_log;
    before   audit_log;
BEGIN
    FOR entry IN SELECT * FROM audit_log ORDER BY account_id, id LOOP
        IF before.account_id IS DISTINCT FROM entry.account_id THEN
            before.seq := 0;
            before.hash := decode(repeat('00', 32), 'hex');
        END IF;
        entry.seq := before.seq + 1;
        entry.prev_hash := before.hash;
        entry.hash := specter_audit_hash(entry);
        UPDATE audit_log SET seq = entry.seq, prev_hash = entry.prev_hash, hash = entry.hash WHERE id = entry.id;
        before := entry;
    END LOOP;
END
$$;
-- +goose StatementEnd
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;

-- The number of rows of all accounts together is nobody's business: an entry is named by its place.
ALTER TABLE audit_log
    ALTER COLUMN seq SET NOT NULL,
    ALTER COLUMN prev_hash SET NOT NULL,
    ALTER COLUMN hash SET NOT NULL,
    DROP CONSTRAINT audit_log_pkey,
    ADD PRIMARY KEY (account_id, seq);
DROP INDEX audit_log_account;

CREATE TRIGGER chained BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION specter_chain_audit();
-- Nobody changes an entry, its owner neither; who may delete (an account that is deleted) is a matter of grants.
CREATE TRIGGER kept BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION specter_keep_registered();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION specter_keep_registered();

-- +goose Down
DROP TRIGGER kept_whole ON audit_log;
DROP TRIGGER kept ON audit_log;
DROP TRIGGER chained ON audit_log;
DROP FUNCTION specter_chain_audit();
DROP FUNCTION specter_audit_hash(audit_log);
ALTER TABLE audit_log
    DROP CONSTRAINT audit_log_pkey,
    DROP COLUMN seq,
    DROP COLUMN prev_hash,
    DROP COLUMN hash,
    ADD PRIMARY KEY (id);
CREATE INDEX audit_log_account ON audit_log (account_id, id DESC);
COMMENT ON TABLE audit_log IS 'writer: dashboard. Who did what and when; append-only.';
