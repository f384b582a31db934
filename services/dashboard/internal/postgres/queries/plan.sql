-- name: UpsertPlan :exec
INSERT INTO plans (name, title, position, signals_per_month, products, contexts, analyses_per_day, retention_months, webhook_endpoints, grace_percent, keep_days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (name) DO UPDATE SET
    title = excluded.title, position = excluded.position, signals_per_month = excluded.signals_per_month, products = excluded.products,
    contexts = excluded.contexts, analyses_per_day = excluded.analyses_per_day, retention_months = excluded.retention_months,
    webhook_endpoints = excluded.webhook_endpoints, grace_percent = excluded.grace_percent,
    keep_days = excluded.keep_days;

-- name: ForgetOtherPlans :exec
DELETE FROM plans WHERE name <> ALL (sqlc.arg(names)::text[]);

-- name: LockPlans :exec
-- Dashboards that start at the same time write their books one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('plans', 0));

-- name: Plans :many
SELECT * FROM plans ORDER BY position;

-- name: PlanByName :one
SELECT * FROM plans WHERE name = $1;

-- name: SetAccountTerms :exec
UPDATE accounts SET
    plan = $2, assigned_plan = $3, operator_plan = $4, operator_signal_limit = $5, operator_analyses_limit = $6,
    monthly_signal_limit = $7, monthly_signal_grace = $8, product_limit = $9, context_limit = $10,
    analyses_per_day = $11, endpoint_limit = $12, retention_months = $13, kept_months = $14, kept_until = $15
WHERE id = $1;

-- name: LockRoom :one
-- What the account may have. Whoever adds something waits here for whoever is adding just now; rows that refer to the
-- account can be made meanwhile.
SELECT plan, product_limit, context_limit, endpoint_limit FROM accounts WHERE id = $1 FOR NO KEY UPDATE;

-- name: CountAllContexts :one
SELECT count(*) FROM contexts;
