#!/bin/sh
# Runs once, when the database is created: a schema and a login for Supabase
# Auth, which migrates itself. Specter's own tables come from `specter migrate`.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$AUTH_DB_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE supabase_auth_admin LOGIN NOINHERIT CREATEROLE PASSWORD :'password';
CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT CREATE ON DATABASE specter TO supabase_auth_admin;
ALTER ROLE supabase_auth_admin SET search_path = auth;
SQL
