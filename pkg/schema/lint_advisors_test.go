package schema_test

// aTable is a table like ours for a rule to find fault with.
const aTable = `CREATE TABLE planted (account_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (account_id, id));
	COMMENT ON TABLE planted IS 'writer: dashboard. Planted.';
	ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;`

const aTenantPolicy = `CREATE POLICY tenant ON planted USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));`

// advisors are the rules of Supabase's advisors about row-level security, and about what stands beside it.
func advisors() []lint {
	return []lint{
		{
			name: "0001 unindexed_foreign_keys",
			// An index helps if it begins with the key's columns, or with one that is unique by itself.
			query: `SELECT k.conrelid::regclass || '.' || k.conname FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid AND NOT t.part
				WHERE k.contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL AND (
					(i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
					OR i.indisunique AND k.conkey @> (i.indkey::int2[])[0:i.indnkeyatts - 1]))`,
			planted: aTable + `ALTER TABLE planted ADD COLUMN product_id uuid, ADD FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id)`,
			what:    "planted.planted_account_id_product_id_fkey",
		},
		{
			name: "0002 auth_users_exposed",
			query: `SELECT DISTINCT v.name || ' shows ' || u.name FROM relations v JOIN pg_rewrite w ON w.ev_class = v.oid
				JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
				JOIN relations u ON u.oid = d.refobjid AND u.space IN ('auth', 'auth_local') WHERE v.space NOT IN ('auth', 'auth_local')`,
			planted: `CREATE VIEW people WITH (security_invoker = true) AS SELECT email FROM auth_local.users`,
			what:    "public.people shows auth_local.users",
		},
		{
			name: "0003 auth_rls_initplan",
			// What tells who is asking is evaluated once a statement when it stands in a subselect of its own, else once a row.
			query: `SELECT name FROM policies WHERE regexp_replace(concat_ws(' ', qual, checked), 'SELECT (\w+\.)?\w+\([^()]*\)', '', 'gi')
				~* '(\mauth\.\w+|specter_\w+|current_setting|account_of_person)\('`,
			planted: aTable + `CREATE POLICY slow ON planted USING (account_id = specter_account())`,
			what:    "public.planted.slow",
		},
		{
			name: "0006 multiple_permissive_policies",
			// Permissive policies are OR-ed: each one beside another opens more.
			query: `SELECT p.name FROM policies p WHERE p.permissive AND p.polname <> 'tenant' AND EXISTS (SELECT FROM policies o WHERE o.relation = p.relation AND o.oid <> p.oid AND o.permissive
				AND ('*' IN (o.cmd::text, p.cmd::text) OR o.cmd = p.cmd) AND (o.roles && p.roles OR 0 = ANY (o.roles) OR 0 = ANY (p.roles)))`,
			planted: aTable + aTenantPolicy + `CREATE POLICY more ON planted FOR SELECT TO specter_dashboard USING (id = '018f0000-0000-7000-8000-000000000001')`,
			what:    "public.planted.more",
			but:     besideTheTenant(),
		},
		{
			name:    "0007 policy_exists_rls_disabled",
			query:   `SELECT name FROM policies WHERE NOT secured`,
			planted: aTable + aTenantPolicy + `ALTER TABLE planted DISABLE ROW LEVEL SECURITY`,
			what:    "public.planted.tenant",
		},
		{
			name: "0008 rls_enabled_no_policy",
			// A partition is reached through its parent, whose policies hold; by its own name it shows nothing.
			query:   `SELECT name FROM tables WHERE secured AND NOT part AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = tables.oid)`,
			planted: aTable,
			what:    "public.planted",
			but:     map[string]string{"public.goose_db_version": "the owner's, whom it does not bind; nobody else shall see it"},
		},
		{
			name:    "0010 security_definer_view",
			query:   `SELECT name FROM relations WHERE kind = 'v' AND NOT coalesce(options && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)`,
			planted: `CREATE VIEW planted AS SELECT * FROM products`,
			what:    "public.planted",
		},
		{
			name:    "0011 function_search_path_mutable",
			query:   `SELECT name FROM functions WHERE NOT EXISTS (SELECT FROM unnest(config) AS c WHERE c LIKE 'search_path=%') AND space !~ '^river_'`, // River's are plain arithmetic, run by their owner alone
			planted: `CREATE FUNCTION planted() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
			what:    "public.planted",
		},
		{
			name:    "0013 rls_disabled_in_public",
			query:   `SELECT name FROM tables WHERE NOT secured`,
			planted: `CREATE TABLE planted (n int)`,
			what:    "public.planted",
		},
		{
			name:    "0014 extension_in_public",
			query:   `SELECT extname FROM pg_extension JOIN spaces s ON s.oid = extnamespace`,
			planted: `CREATE TABLE ext (n int); UPDATE pg_extension SET extnamespace = 'public'::regnamespace WHERE extname = 'plpgsql'`,
			what:    "plpgsql",
		},
		{
			name: "0015 rls_references_user_metadata",
			// People write their own metadata.
			query:   `SELECT name FROM policies WHERE concat_ws(' ', qual, checked) ~* 'user_metadata'`,
			planted: aTable + `CREATE POLICY planted ON planted USING (account_id = (current_setting('request.jwt.claims')::jsonb #>> '{user_metadata,account}')::uuid)`,
			what:    "public.planted.planted",
		},
	}
}

// besideTheTenant are the policies that show a row to somebody who has no tenant yet, or show what is over; each is for one
// role. TestDocumentedPoliciesShowExactlyWhatTheySay holds them.
func besideTheTenant() map[string]string {
	return map[string]string{
		"public.accounts.by_owner":             "a person who signs in sees the account they own, to learn its id",
		"public.accounts.directory":            "only the owner of two functions that return ids is the directory; see 00020 and 00064",
		"public.web_sessions.by_cookie":        "whoever holds the cookie sees the session it is of",
		"public.access_tokens.by_token":        "whoever holds the token sees the row it is of",
		"public.api_keys.by_key":               "whoever holds the key sees the row it is of",
		"public.deploy_hooks.by_token":         "whoever holds the hook's token sees the hook",
		"public.deploy_hooks.by_product":       "a delivery of GitHub names its product; its signature is checked with the row",
		"public.proof_shares.by_link":          "whoever holds the link sees the row it is of",
		"public.billing_accounts.by_customer":  "an event of the payment service names its customer; its signature was checked before",
		"public.billing_accounts.by_due":       "the dashboard's own timer goes through the accounts that are due to be compared",
		"public.deletions.by_timer":            "retention's timers know a deletion by its certificate's id alone",
		"public.deletions.by_due":              "retention's own timer goes through the deletions that are due, to find those whose timer is gone",
		"public.imported_ids.by_age":           "retention deletes what is older than is kept, of all accounts",
		"public.idempotency_keys.by_age":       "retention deletes what is older than is kept, of all accounts",
		"public.deliveries.by_age":             "retention deletes what is older than is kept, of all accounts",
		"public.ingest_refusals.by_age":        "retention deletes what is older than is kept, of all accounts",
		"public.ingest_refusal_samples.by_age": "retention deletes what is older than is kept, of all accounts",
	}
}
