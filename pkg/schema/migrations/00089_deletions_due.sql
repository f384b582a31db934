-- A deletion that is due: its purge and its cancellation cannot both succeed.
-- +goose Up

-- Keeps the running tenant's account as it is until the transaction ends. Retention does not change accounts, and whoever
-- locks a row must be allowed to: this runs with the owner's rights, and shows nothing.
CREATE FUNCTION specter_hold_account() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT FROM public.accounts WHERE id = (SELECT public.specter_account()) FOR SHARE $$;
REVOKE ALL ON FUNCTION specter_hold_account() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_hold_account() TO specter_retention;

-- +goose Down
DROP FUNCTION specter_hold_account();
