package schema_test

// rules are our own.
func rules() []lint {
	return []lint{
		{
			name:    "row-level security binds the owner too",
			query:   `SELECT name FROM tables WHERE secured AND NOT forced`,
			planted: `ALTER TABLE products NO FORCE ROW LEVEL SECURITY`,
			what:    "public.products",
			but:     map[string]string{"public.goose_db_version": "only its owner reads it, and must"},
		},
		{
			name: "every table of tenants has the policy, on both sides",
			query: `SELECT t.name FROM tables t WHERE t.tenant IS NOT NULL AND NOT t.part AND NOT EXISTS (SELECT FROM policies p WHERE p.relation = t.oid AND p.polname = 'tenant' AND p.permissive
				AND p.cmd = '*' AND p.roles = '{0}' AND p.qual = format('(%s = ( SELECT specter_account() AS specter_account))', t.tenant) AND p.checked = p.qual)`,
			planted: `ALTER POLICY tenant ON products WITH CHECK (true)`,
			what:    "public.products",
		},
		{
			name: "every table has tenants, or is one service's own",
			query: `SELECT t.name FROM tables t WHERE t.tenant IS NULL AND t.space = 'public' AND NOT EXISTS (SELECT FROM policies p WHERE p.relation = t.oid AND p.polname = 'owner_service'
				AND p.roles = ARRAY[coalesce(to_regrole('specter_' || t.writer), 0)::oid])`,
			planted: `CREATE TABLE countries (code text)`,
			what:    "public.countries",
			but:     map[string]string{"public.goose_db_version": "the owner's list of migrations"},
		},
		{
			name: "nobody of ours passes row-level security by",
			query: `SELECT DISTINCT r.rolname::text FROM pg_roles r WHERE (r.rolsuper OR r.rolbypassrls) AND (r.rolname LIKE 'specter\_%' OR EXISTS (SELECT FROM grants g WHERE g.grantee = r.oid)
				OR EXISTS (SELECT FROM calls c WHERE c.grantee = r.oid))`,
			planted: `CREATE ROLE reporting LOGIN BYPASSRLS; GRANT SELECT ON products TO reporting`,
			what:    "reporting",
		},
		{
			name: "a service's role is nothing but a service's role",
			query: `SELECT rolname::text FROM pg_roles r WHERE rolname ~ '^specter_(analyzer|proposal|verifier|notifier|retention|dashboard|auth|directory)$' AND (rolcanlogin OR rolcreaterole
				OR rolcreatedb OR rolreplication OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid))`,
			planted: `GRANT specter_retention TO specter_dashboard`,
			what:    "specter_dashboard",
		},
		{
			name: "one writer a table",
			// Who writes is in the table's comment. Retention deletes; nobody else does anything else.
			query: `SELECT DISTINCT g.role || ' may ' || g.may || ' ' || g.name FROM grants g JOIN relations r ON r.oid = g.oid
				WHERE NOT (g.may = 'SELECT' AND g.role ~ '^specter_') AND NOT (g.may IN ('INSERT', 'UPDATE', 'DELETE') AND g.role = 'specter_' || r.writer)
				AND NOT (g.may = 'DELETE' AND g.role = 'specter_retention')`,
			planted: `GRANT UPDATE (plan) ON accounts TO specter_verifier`,
			what:    "specter_verifier may UPDATE public.accounts",
		},
		{
			name:    "partitions are reached through their parents",
			query:   `SELECT DISTINCT g.name FROM grants g JOIN tables t ON t.oid = g.oid AND t.part UNION SELECT name FROM tables WHERE part AND NOT (secured AND forced)`,
			planted: `CREATE TABLE planted PARTITION OF signal_ids FOR VALUES FROM ('2001-01-01') TO ('2001-01-02')`,
			what:    "public.planted",
		},
		{
			name: "no unique index spans tenants",
			// A conflict with another's row tells that it exists. Ids of ours and hashes of our secrets cannot be guessed.
			query: `SELECT i.indexrelid::regclass::text FROM pg_index i JOIN tables t ON t.oid = i.indrelid AND t.tenant IS NOT NULL AND NOT t.part WHERE i.indisunique
				AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = t.tenant AND a.attnum = ANY (i.indkey))
				AND NOT (i.indnkeyatts = 1 AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = i.indkey[0]
					AND (a.attname = 'id' AND a.atttypid = 'uuid'::regtype OR a.attname ~ '_hash$' AND a.atttypid = 'bytea'::regtype)))`,
			planted: `CREATE UNIQUE INDEX planted ON products (name)`,
			what:    "planted",
			but: map[string]string{
				"accounts_owner_user_id_key": "one account a person; the auth server makes that id",
				"billing_accounts_customer":  "the payment service makes that id; nobody writes one of their own",
				"proposal_decisions_pkey":    "of a proposal's id, which is random and which the dashboard looks up in the account first",
			},
		},
		{
			name: "foreign keys stay within the tenant",
			query: `SELECT t.name || '.' || k.conname FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid AND t.tenant IS NOT NULL AND NOT t.part JOIN tables u ON u.oid = k.confrelid AND u.tenant IS NOT NULL
				WHERE k.contype = 'f' AND NOT EXISTS (SELECT FROM generate_subscripts(k.conkey, 1) i JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[i] AND a.attname = t.tenant
					JOIN pg_attribute b ON b.attrelid = u.oid AND b.attnum = k.confkey[i] AND b.attname = u.tenant)`,
			planted: aTable + `ALTER TABLE planted ADD COLUMN product_id uuid REFERENCES products (id)`,
			what:    "public.planted.planted_product_id_fkey",
		},
		{
			name: "tenants are found by an index",
			query: `SELECT t.name FROM tables t WHERE t.tenant IS NOT NULL AND NOT t.part AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = t.tenant
				WHERE i.indrelid = t.oid AND i.indkey[0] = a.attnum AND i.indpred IS NULL)`,
			planted: `CREATE TABLE planted (id uuid PRIMARY KEY, account_id uuid)`,
			what:    "public.planted",
		},
		{
			name:    "definers have a pinned search_path that ends in pg_temp",
			query:   `SELECT name FROM functions WHERE definer AND NOT EXISTS (SELECT FROM unnest(config) AS c WHERE c ~ '^search_path=(""$|pg_catalog.*, pg_temp$)')`,
			planted: `CREATE FUNCTION planted() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT 1'`,
			what:    "public.planted",
		},
		{
			name:    "no function of ours is leakproof",
			query:   `SELECT name FROM functions WHERE leakproof`, // it would see rows before a policy hides them
			planted: `CREATE FUNCTION planted(int) RETURNS boolean LANGUAGE sql IMMUTABLE LEAKPROOF SET search_path = '' AS 'SELECT true'`,
			what:    "public.planted",
		},
		{
			name:    "functions are for those who were granted them",
			query:   `SELECT name FROM calls WHERE grantee = 0`,
			planted: `CREATE FUNCTION planted() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION planted() TO PUBLIC`,
			what:    "public.planted",
		},
		{
			name: "what a policy calls, those it is for may call",
			query: `SELECT DISTINCT r.rolname || ' may not call ' || f.name || ' of ' || p.name FROM policies p
				JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass JOIN functions f ON f.oid = d.refobjid
				JOIN pg_roles r ON r.oid = ANY (p.roles) OR 0 = ANY (p.roles) AND r.rolname LIKE 'specter\_%' AND EXISTS (SELECT FROM grants g WHERE g.oid = p.relation AND g.grantee = r.oid)
				WHERE NOT has_function_privilege(r.oid, f.oid, 'EXECUTE')`,
			planted: `CREATE FUNCTION specter_planted() RETURNS uuid LANGUAGE sql SET search_path = '' AS 'SELECT NULL::uuid'; REVOKE ALL ON FUNCTION specter_planted() FROM PUBLIC;
				CREATE POLICY planted ON products FOR SELECT TO specter_notifier USING (id = (SELECT specter_planted()))`,
			what: "specter_notifier may not call public.specter_planted of public.products.planted",
		},
		{
			name: "what is made later is granted to nobody",
			// Without an entry of its own for functions, the database's built-in default lets everybody call them.
			query: `SELECT format('%s made by %s is granted to %s', d.defaclobjtype, d.defaclrole::regrole, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END)
				FROM pg_default_acl d, aclexplode(d.defaclacl) g WHERE g.grantee <> d.defaclrole
				UNION ALL SELECT 'functions made by ' || o.owner::regrole FROM (SELECT DISTINCT owner FROM tables WHERE space <> 'auth') AS o
				WHERE NOT EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclrole = o.owner AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f')`,
			planted: `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC`,
			what:    "r made by specter is granted to PUBLIC",
		},
		{
			name: "services make nothing where they work",
			query: `SELECT s.name || ' to ' || CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END FROM spaces s JOIN pg_namespace n ON n.oid = s.oid, aclexplode(n.nspacl) g
				WHERE g.privilege_type = 'CREATE' AND g.grantee <> n.nspowner`,
			planted: `GRANT CREATE ON SCHEMA public TO specter_dashboard`,
			what:    "public to specter_dashboard",
		},
	}
}
