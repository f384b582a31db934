package schema_test

// withPeople makes the roles of Supabase's API for the time of a transaction.
const withPeople = `CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN; `

// exposure are the rules of Supabase's advisors about what its API would show to anybody or to every signed-in person.
func exposure() []lint {
	return []lint{
		{
			name:    "0016 materialized_view_in_api",
			query:   `SELECT name FROM relations WHERE kind = 'm'`, // no policy can hold for one
			planted: `CREATE MATERIALIZED VIEW planted AS SELECT * FROM products`,
			what:    "public.planted",
		},
		{
			name:    "0017 foreign_table_in_api",
			query:   `SELECT name FROM relations WHERE kind = 'f'`, // no policy can hold for one
			planted: `CREATE FOREIGN DATA WRAPPER planted; CREATE SERVER planted FOREIGN DATA WRAPPER planted; CREATE FOREIGN TABLE planted (n int) SERVER planted`,
			what:    "public.planted",
		},
		{
			name: "0019 insecure_queue_exposed_in_api",
			query: `SELECT t.name FROM tables t WHERE t.space ~ '^(river_|pgmq)' AND (NOT t.forced OR EXISTS (SELECT FROM grants g WHERE g.oid = t.oid))
				UNION SELECT s.name FROM spaces s JOIN pg_namespace n ON n.oid = s.oid, aclexplode(n.nspacl) g WHERE s.name ~ '^(river_|pgmq)' AND g.grantee <> n.nspowner`,
			planted: `GRANT SELECT ON river_dashboard.river_job TO specter_notifier`,
			what:    "river_dashboard.river_job",
		},
		{
			name: "0021 fkey_to_auth_unique",
			query: `SELECT t.name || '.' || k.conname FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid JOIN tables u ON u.oid = k.confrelid
				WHERE k.contype = 'f' AND u.space IN ('auth', 'auth_local') AND t.space <> u.space`,
			planted: `CREATE TABLE planted (email text REFERENCES auth_local.users (email))`,
			what:    "public.planted.planted_email_fkey",
		},
		{
			name: "0023 sensitive_columns_exposed",
			query: `SELECT DISTINCT g.name || '.' || a.attname || ' to ' || CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.role END FROM grants g JOIN pg_attribute a ON a.attrelid = g.oid AND a.attnum > 0
				WHERE g.may = 'SELECT' AND g.col IN ('', a.attname) AND (g.grantee = 0 OR g.role IN ('anon', 'authenticated'))
				AND a.attname ~* '(password|secret|token|sealed|hash|csrf|api_?key|credential|card|email)'`,
			planted: withPeople + `GRANT SELECT ON web_sessions TO authenticated`,
			what:    "public.web_sessions.csrf_token to authenticated",
		},
		{
			name: "0024 rls_policy_always_true",
			// A table without tenants may be open to one service: the one that writes it, or its owner.
			query: `SELECT p.name FROM policies p JOIN tables t ON t.oid = p.relation WHERE p.permissive AND 'true' IN (p.qual, p.checked)
				AND (p.tenant IS NOT NULL OR p.roles NOT IN (ARRAY[coalesce(to_regrole('specter_' || p.writer), 0)::oid], ARRAY[t.owner]))`,
			planted: aTable + `CREATE POLICY planted ON planted USING (account_id = (SELECT specter_account())) WITH CHECK (true)`,
			what:    "public.planted.planted",
			but:     map[string]string{"public.accounts.directory": "see besideTheTenant"},
		},
		{
			name:    "0026 pg_graphql_anon_table_exposed",
			query:   `SELECT DISTINCT name || ' to ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE role END FROM grants WHERE grantee = 0 OR role = 'anon'`,
			planted: withPeople + `GRANT SELECT (name) ON products TO anon`,
			what:    "public.products to anon",
		},
		{
			name:    "0027 pg_graphql_authenticated_table_exposed",
			query:   `SELECT DISTINCT name FROM grants WHERE role IN ('authenticated', 'service_role')`,
			planted: withPeople + `GRANT SELECT ON products TO authenticated`,
			what:    "public.products",
		},
		{
			name:    "0028 anon_security_definer_function_executable",
			query:   `SELECT name || ' to ' || role FROM calls WHERE definer AND role IN ('PUBLIC', 'anon')`,
			planted: `CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION planted() TO PUBLIC`,
			what:    "public.planted to PUBLIC",
		},
		{
			name: "0029 authenticated_security_definer_function_executable",
			// What stands in specter_private is called by policies: no API serves that schema.
			query:   `SELECT name FROM calls WHERE definer AND role = 'authenticated' AND space <> 'specter_private'`,
			planted: withPeople + `GRANT EXECUTE ON FUNCTION specter_account_ids(uuid, int) TO authenticated`,
			what:    "public.specter_account_ids",
		},
	}
}
