-- The monthly limit of an account, and what a rebuild of the gateway's catalogue
-- and the operator need to find accounts: their ids, and nothing else of them.
-- +goose Up
ALTER TABLE accounts ADD COLUMN monthly_signal_limit bigint NOT NULL DEFAULT 0 CHECK (monthly_signal_limit >= 0);
COMMENT ON COLUMN accounts.monthly_signal_limit IS 'Signals accepted in a calendar month (UTC) over all products; 0 means unlimited.';

-- Row-level security shows the dashboard one account at a time. Two functions run
-- as a role of their own that may read two columns of every account, so that the
-- dashboard can go through the accounts without being able to read them.
-- +goose StatementBegin
DO $$
BEGIN
    BEGIN
        CREATE ROLE specter_directory NOLOGIN NOBYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- roles belong to the whole cluster
    END;
    BEGIN
        GRANT specter_directory TO CURRENT_USER;
    EXCEPTION WHEN unique_violation OR internal_error THEN
        NULL; -- another database's migration is granting it at this moment
    END;
END
$$;
-- +goose StatementEnd
GRANT USAGE ON SCHEMA public TO specter_directory;
GRANT SELECT (id, email) ON accounts TO specter_directory;
CREATE POLICY directory ON accounts FOR SELECT TO specter_directory USING (true);

CREATE FUNCTION specter_account_ids(after_id uuid, n int) RETURNS TABLE (account_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT a.id FROM public.accounts a WHERE a.id > after_id ORDER BY a.id LIMIT least(n, 1000) $$;

CREATE FUNCTION specter_accounts_by_email(wanted text) RETURNS TABLE (account_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT a.id FROM public.accounts a WHERE lower(a.email) = lower(wanted) ORDER BY a.id LIMIT 10 $$;

REVOKE ALL ON FUNCTION specter_account_ids(uuid, int), specter_accounts_by_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_account_ids(uuid, int), specter_accounts_by_email(text) TO specter_dashboard;
-- Giving a function away takes CREATE on its schema, for this moment only.
GRANT CREATE ON SCHEMA public TO specter_directory;
ALTER FUNCTION specter_account_ids(uuid, int) OWNER TO specter_directory;
ALTER FUNCTION specter_accounts_by_email(text) OWNER TO specter_directory;
REVOKE CREATE ON SCHEMA public FROM specter_directory;

-- +goose Down
DROP FUNCTION specter_accounts_by_email(text);
DROP FUNCTION specter_account_ids(uuid, int);
DROP POLICY directory ON accounts;
REVOKE ALL ON accounts FROM specter_directory;
REVOKE ALL ON SCHEMA public FROM specter_directory;
ALTER TABLE accounts DROP COLUMN monthly_signal_limit;
-- +goose StatementBegin
DO $$
BEGIN
    REVOKE specter_directory FROM CURRENT_USER;
EXCEPTION WHEN internal_error THEN
    NULL; -- another database's migration is revoking it at this moment
END
$$;
-- +goose StatementEnd
