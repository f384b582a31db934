// Package tenant is the only way to a tenant's rows.
//
// Row-level security on every tenant table compares account_id with the setting
// specter.account_id. This package sets it for one transaction and no longer
// (set_config(…, true)): at commit or rollback Postgres forgets it, so a pooled
// connection can never carry one tenant into another's request. Without it the
// tables look empty and refuse writes.
package tenant
