-- On a Supabase database the roles of its API (anon, authenticated, service_role) are granted whatever is made in public.
-- They lose what is Specter's; where the operator grants authenticated SELECT again, a signed-in person sees their own
-- account. Functions are for those who were granted them, here and from now on.
-- +goose Up

-- A schema that no API serves.
CREATE SCHEMA specter_private;
COMMENT ON SCHEMA specter_private IS 'What policies call and nobody else should.';

GRANT SELECT (owner_user_id, closed_at) ON accounts TO specter_directory;

-- The open account of the person that Supabase's API checked the token of: the claims are where its auth.uid() reads them.
-- Runs as the directory, because row-level security cannot be asked whose rows it shows.
CREATE FUNCTION specter_private.account_of_person() RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT a.id FROM public.accounts a
    WHERE a.closed_at IS NULL AND a.owner_user_id = coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;
REVOKE ALL ON FUNCTION specter_private.account_of_person() FROM PUBLIC;

-- The tenant of the running transaction; null outside one, so that a policy that compares with it shows nothing. After
-- RESET the setting is '' and not null, hence nullif. The roles of Supabase's API are not asked for the setting: whoever
-- speaks through them may not choose.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION specter_account() RETURNS uuid
    LANGUAGE plpgsql STABLE SET search_path = ''
    AS $$
BEGIN
    IF current_user = 'authenticated' THEN
        RETURN specter_private.account_of_person();
    ELSIF current_user = 'anon' THEN
        RETURN NULL;
    END IF;
    RETURN nullif(pg_catalog.current_setting('specter.account_id', true), '')::pg_catalog.uuid;
END
$$;
-- +goose StatementEnd

-- Who evaluates a policy, or a check of a table, must be able to call what it calls.
REVOKE ALL ON FUNCTION specter_account(), specter_user(), specter_token_hash(), specter_session_hash(), specter_key_hash(), specter_hook_product(),
    specter_share_hash(), specter_is_funnel(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_account() TO specter_analyzer, specter_proposal, specter_verifier, specter_notifier, specter_retention, specter_dashboard,
    specter_directory;
GRANT EXECUTE ON FUNCTION specter_user(), specter_token_hash(), specter_session_hash(), specter_key_hash(), specter_hook_product(), specter_share_hash(),
    specter_is_funnel(text[]) TO specter_dashboard;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- +goose StatementBegin
DO $$
DECLARE
    person text;
    thing  record;
BEGIN
    BEGIN
        GRANT specter_directory TO CURRENT_USER; -- who gives a function away, or takes rights to it back, must be a member
    EXCEPTION WHEN unique_violation OR internal_error THEN
        NULL; -- another database's migration is granting it at this moment
    END;
    GRANT CREATE ON SCHEMA specter_private TO specter_directory;
    ALTER FUNCTION specter_private.account_of_person() OWNER TO specter_directory;
    REVOKE CREATE ON SCHEMA specter_private FROM specter_directory;

    FOR person IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
        FOR thing IN
            SELECT format('%s %s', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass) AS name FROM pg_class c
            WHERE relnamespace = 'public'::regnamespace AND (
                c.oid IN (to_regclass('public.signals'), to_regclass('public.proposal_states'), to_regclass('public.deployment_states'),
                          to_regclass('public.goose_db_version'), to_regclass('public.goose_db_version_id_seq'))
                OR EXISTS (SELECT FROM pg_description d WHERE d.classoid = 'pg_class'::regclass AND d.objsubid = 0 AND d.description LIKE 'writer: %'
                           AND d.objoid IN (c.oid, (SELECT inhparent FROM pg_inherits WHERE inhrelid = c.oid),
                                            (SELECT refobjid FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND refobjsubid > 0 AND c.relkind = 'S'))
                           AND c.relkind IN ('r', 'p', 'S')))
            UNION ALL
            SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc p
            WHERE p.pronamespace IN ('public'::regnamespace, 'specter_private'::regnamespace) AND (p.proname LIKE 'specter\_%' OR p.proname = 'account_of_person')
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %I', thing.name, person);
        END LOOP;
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM %I', person);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM %I', person);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM %I', person);
    END LOOP;
    -- Of no use alone: a policy calls them once the operator has granted a table.
    IF to_regrole('authenticated') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION specter_account() TO authenticated;
        GRANT USAGE ON SCHEMA specter_private TO authenticated;
        GRANT EXECUTE ON FUNCTION specter_private.account_of_person() TO authenticated;
    END IF;
    IF to_regrole('anon') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION specter_account() TO anon;
    END IF;

    -- Another database's migration may be changing the same row of the cluster: who loses tries again, for a login that
    -- stayed a member would be shown what the directory is.
    FOR attempt IN 1..100 LOOP
        BEGIN
            REVOKE specter_directory FROM CURRENT_USER;
            EXIT;
        EXCEPTION WHEN internal_error THEN
            IF attempt = 100 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.01);
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- What Supabase's roles could do before is not given back.
-- +goose StatementBegin
DO $$
BEGIN
    IF to_regrole('authenticated') IS NOT NULL THEN
        REVOKE ALL ON FUNCTION specter_account() FROM authenticated;
    END IF;
    IF to_regrole('anon') IS NOT NULL THEN
        REVOKE ALL ON FUNCTION specter_account() FROM anon;
    END IF;
END
$$;
-- +goose StatementEnd
CREATE OR REPLACE FUNCTION specter_account() RETURNS uuid
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.account_id', true), '')::uuid $$;
DROP SCHEMA specter_private CASCADE;
REVOKE SELECT (owner_user_id, closed_at) ON accounts FROM specter_directory;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
REVOKE ALL ON FUNCTION specter_account() FROM specter_analyzer, specter_proposal, specter_verifier, specter_notifier, specter_retention, specter_dashboard,
    specter_directory;
REVOKE ALL ON FUNCTION specter_user(), specter_token_hash(), specter_session_hash(), specter_key_hash(), specter_hook_product(), specter_share_hash(),
    specter_is_funnel(text[]) FROM specter_dashboard;
GRANT EXECUTE ON FUNCTION specter_account(), specter_user(), specter_token_hash(), specter_session_hash(), specter_key_hash(), specter_hook_product(),
    specter_share_hash(), specter_is_funnel(text[]) TO PUBLIC;
