-- Deletions that are due: a purge and its cancellation cannot both succeed, and no purge is given up.
-- +goose Up

-- Keeps the running tenant's account as it is until the transaction ends. Retention does not change accounts, and whoever
-- locks a row must be allowed to: this runs with the owner's rights, and shows nothing.
CREATE FUNCTION specter_hold_account() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT FROM public.accounts WHERE id = (SELECT public.specter_account()) FOR SHARE $$;
REVOKE ALL ON FUNCTION specter_hold_account() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_hold_account() TO specter_retention;

-- By when a purge must be due for retention to be shown its deletion, whosever it is; null outside such a lookup.
CREATE FUNCTION specter_purges_due() RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.purges_due', true), '')::timestamptz $$;
REVOKE ALL ON FUNCTION specter_purges_due() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_purges_due() TO specter_retention;
CREATE POLICY by_due ON deletions FOR SELECT TO specter_retention USING (purge_at <= (SELECT specter_purges_due()));

-- Deletions from before 00080 lack the certificate's id by which a timer finds them. Those that were done stay as they are.
-- FORCE hides every deletion from the owner, too.
ALTER TABLE deletions NO FORCE ROW LEVEL SECURITY;
UPDATE deletions SET certificate_id = upper(replace(gen_random_uuid()::text, '-', '')) WHERE certificate_id IS NULL AND completed_at IS NULL;
ALTER TABLE deletions FORCE ROW LEVEL SECURITY;

-- +goose Down
DROP POLICY by_due ON deletions;
DROP FUNCTION specter_purges_due();
DROP FUNCTION specter_hold_account();
