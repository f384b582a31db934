-- One role a service. A service's pool does SET ROLE on connect, so what a
-- service may do is decided here even when all share one login.
-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    -- Roles belong to the whole cluster: another database's migration may be
    -- creating them at this moment.
    FOREACH name IN ARRAY ARRAY['analyzer', 'proposal', 'verifier', 'notifier', 'retention', 'dashboard', 'auth'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', 'specter_' || name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        -- A login that is not a superuser must be a member to SET ROLE. Two
        -- migrations granting at once update the same catalogue row.
        BEGIN
            EXECUTE format('GRANT %I TO CURRENT_USER', 'specter_' || name);
        EXCEPTION WHEN unique_violation OR internal_error THEN
            NULL;
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', 'specter_' || name);
    END LOOP;
END
$$;
-- +goose StatementEnd

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- The tenant of the running transaction; null outside one, so that a policy
-- that compares with it shows nothing. After RESET the setting is '' and not
-- null, hence nullif.
CREATE FUNCTION specter_account() RETURNS uuid
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.account_id', true), '')::uuid $$;

-- Credentials of a request whose tenant is not known yet: a policy shows the
-- one row that carries exactly this credential.
CREATE FUNCTION specter_user() RETURNS uuid
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.user_id', true), '')::uuid $$;

CREATE FUNCTION specter_token_hash() RETURNS bytea
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT decode(nullif(current_setting('specter.token_hash', true), ''), 'hex') $$;

CREATE FUNCTION specter_session_hash() RETURNS bytea
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT decode(nullif(current_setting('specter.session_hash', true), ''), 'hex') $$;

CREATE FUNCTION specter_key_hash() RETURNS bytea
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT decode(nullif(current_setting('specter.key_hash', true), ''), 'hex') $$;

-- +goose Down
DROP FUNCTION specter_key_hash();
DROP FUNCTION specter_session_hash();
DROP FUNCTION specter_token_hash();
DROP FUNCTION specter_user();
DROP FUNCTION specter_account();
