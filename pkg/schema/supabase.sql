-- Runs after every migration, because tables come with migrations and Supabase's roles may come later. On a database that
-- has them, people who reach it through Supabase's API change nothing, whatever they are granted: row-level security shows
-- them the rows of their account, and these policies refuse the rest.
DO $$
DECLARE
    name text;
BEGIN
    IF to_regrole('anon') IS NULL OR to_regrole('authenticated') IS NULL THEN
        RETURN;
    END IF;
    FOR name IN
        SELECT t.tablename FROM pg_policies t WHERE t.schemaname = 'public' AND t.policyname = 'tenant'
            AND NOT EXISTS (SELECT FROM pg_policies o WHERE o.schemaname = 'public' AND o.tablename = t.tablename AND o.policyname = 'people_remove_nothing')
    LOOP
        EXECUTE format('CREATE POLICY people_add_nothing ON public.%I AS RESTRICTIVE FOR INSERT TO anon, authenticated WITH CHECK (false)', name);
        EXECUTE format('CREATE POLICY people_change_nothing ON public.%I AS RESTRICTIVE FOR UPDATE TO anon, authenticated USING (false)', name);
        EXECUTE format('CREATE POLICY people_remove_nothing ON public.%I AS RESTRICTIVE FOR DELETE TO anon, authenticated USING (false)', name);
    END LOOP;
END
$$;
