-- Runs as the owner of a timer schema after River's migrations. Nobody else has rights there; should that ever change,
-- row-level security still shows them nothing, and no function is theirs to call. What is closed already is not locked.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = '%[1]s'::regnamespace AND relkind IN ('r', 'p') AND NOT relforcerowsecurity LOOP
        EXECUTE format('ALTER TABLE %[1]s.%%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY owner_service ON %[1]s.%%I TO %%I USING (true) WITH CHECK (true)', name, current_user);
    END LOOP;
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %[1]s FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
END
$$;
