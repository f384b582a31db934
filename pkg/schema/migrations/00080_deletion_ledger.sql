-- What is left of a deleted account: a certificate that names nobody. One writer: retention.
-- +goose Up

-- The certificate a request holds the id of; null outside one.
CREATE FUNCTION specter_certificate() RETURNS text
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.certificate', true), '') $$;

GRANT EXECUTE ON FUNCTION specter_certificate() TO specter_dashboard, specter_retention;

CREATE TABLE deletion_certificates (
    -- Random: whoever holds it may read the certificate.
    id                    text PRIMARY KEY CHECK (char_length(id) BETWEEN 20 AND 64),
    -- SHA-256 of the salt and the account's id: found again after a restore, and by nobody who does not know the id.
    salt                  bytea NOT NULL CHECK (octet_length(salt) = 16),
    account_hash          bytea NOT NULL CHECK (octet_length(account_hash) = 32),
    -- The signed document, byte for byte as it was signed and is served.
    document              text NOT NULL,
    public_key            bytea NOT NULL CHECK (octet_length(public_key) = 32),
    completed_at          timestamptz NOT NULL
);
CREATE INDEX deletion_certificates_age ON deletion_certificates (completed_at DESC, id);
COMMENT ON TABLE deletion_certificates IS 'writer: retention. The ledger of deleted accounts: signed certificates without personal data, kept for good.';
ALTER TABLE deletion_certificates ENABLE ROW LEVEL SECURITY;
ALTER TABLE deletion_certificates FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_service ON deletion_certificates TO specter_retention USING (true) WITH CHECK (true);
CREATE POLICY by_id ON deletion_certificates FOR SELECT TO specter_dashboard USING (id = (SELECT specter_certificate()));
GRANT SELECT, INSERT ON deletion_certificates TO specter_retention;
GRANT SELECT ON deletion_certificates TO specter_dashboard;

-- The keys that certificates were signed with, for whoever checks one: public by nature.
CREATE FUNCTION specter_certificate_keys() RETURNS SETOF bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT DISTINCT public_key FROM public.deletion_certificates ORDER BY 1 $$;
REVOKE ALL ON FUNCTION specter_certificate_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_certificate_keys() TO specter_dashboard;

-- A deletion's timer knows it by the certificate's id alone, so that no account's id is left in a timer.
ALTER TABLE deletions ADD COLUMN certificate_id text;
COMMENT ON TABLE deletions IS 'writer: retention. Deletions on their way: the certificate so far, and whom it is about until the end, when the row goes.';
COMMENT ON COLUMN deletions.certificate IS 'The purge so far, once it has begun.';
CREATE INDEX deletions_certificate ON deletions (certificate_id);
CREATE POLICY by_timer ON deletions FOR SELECT TO specter_retention USING (certificate_id = (SELECT specter_certificate()));
GRANT DELETE ON deletions TO specter_retention;

-- Removes what timers and outboxes still say about an account, and counts what it found: those that run or
-- wait in retention's own outbox are left to end by themselves and are found again. Runs with the owner's
-- rights because these tables belong to each service alone.
-- +goose StatementBegin
CREATE FUNCTION specter_forget_plumbing(account uuid) RETURNS TABLE (place text, hits bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    -- As text, as bytes, and as the bytes of the text, in the way a row prints.
    needles text[] := ARRAY[account::text, replace(account::text, '-', ''), encode(convert_to(account::text, 'UTF8'), 'hex')];
    t record;
BEGIN
    FOR t IN
        SELECT n.nspname AS space, c.relname AS name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND (n.nspname ~ '^river_' AND c.relname = 'river_job' OR n.nspname = 'public' AND c.relname ~ '^outbox_')
        ORDER BY 1, 2
    LOOP
        EXECUTE format('SELECT count(*) FROM %I.%I r WHERE EXISTS (SELECT FROM unnest($1) n WHERE strpos(r::text, n) > 0)', t.space, t.name)
            INTO hits USING needles;
        IF hits > 0 THEN
            place := CASE t.space WHEN 'public' THEN t.name ELSE t.space || '.' || t.name END;
            IF t.name = 'river_job' THEN
                EXECUTE format('DELETE FROM %I.%I r WHERE state <> ''running'' AND EXISTS (SELECT FROM unnest($1) n WHERE strpos(r::text, n) > 0)', t.space, t.name)
                    USING needles;
            ELSIF t.name <> 'outbox_retention' THEN
                EXECUTE format('DELETE FROM %I.%I r WHERE EXISTS (SELECT FROM unnest($1) n WHERE strpos(r::text, n) > 0)', t.space, t.name)
                    USING needles;
            END IF;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION specter_forget_plumbing(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_forget_plumbing(uuid) TO specter_retention;

-- +goose Down
DROP FUNCTION specter_forget_plumbing(uuid);
REVOKE DELETE ON deletions FROM specter_retention;
DROP POLICY by_timer ON deletions;
COMMENT ON COLUMN deletions.certificate IS NULL;
COMMENT ON TABLE deletions IS 'writer: retention. Account deletions and, once done, their certificates.';
ALTER TABLE deletions DROP COLUMN certificate_id;
DROP FUNCTION specter_certificate_keys();
DROP TABLE deletion_certificates;
DROP FUNCTION specter_certificate();
