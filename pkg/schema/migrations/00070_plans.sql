-- What accounts may use by their plan, and where the operator says otherwise.
-- +goose Up

CREATE TABLE plans (
    name                  text PRIMARY KEY,
    title                 text NOT NULL,
    position              int NOT NULL,
    signals_per_month     bigint NOT NULL CHECK (signals_per_month >= 0),
    products              int NOT NULL CHECK (products >= 0),
    contexts              int NOT NULL CHECK (contexts >= 0),
    analyses_per_day      int NOT NULL CHECK (analyses_per_day >= 0),
    retention_months      int NOT NULL CHECK (retention_months BETWEEN 0 AND 24),
    webhook_endpoints     int NOT NULL CHECK (webhook_endpoints >= 0),
    -- What is accepted beyond signals_per_month before anything is refused, in percent of it.
    grace_percent         int NOT NULL CHECK (grace_percent BETWEEN 0 AND 100)
);
COMMENT ON TABLE plans IS 'writer: dashboard. The plans in force, as the last dashboard that started was told them; 0 is unlimited.';
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE plans FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_service ON plans TO specter_dashboard USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON plans TO specter_dashboard;

ALTER TABLE accounts
    -- plan and the limits are what is in force. They follow from what sign-up or billing said, unless the operator said
    -- something else: taking that back brings back what was said before.
    ADD COLUMN assigned_plan            text,
    ADD COLUMN operator_plan            text,
    ADD COLUMN operator_signal_limit    bigint CHECK (operator_signal_limit >= 0),
    ADD COLUMN operator_analyses_limit  int CHECK (operator_analyses_limit >= 0),
    ADD COLUMN monthly_signal_grace     bigint NOT NULL DEFAULT 0 CHECK (monthly_signal_grace >= 0),
    ADD COLUMN product_limit            int NOT NULL DEFAULT 0 CHECK (product_limit >= 0),
    ADD COLUMN context_limit            int NOT NULL DEFAULT 0 CHECK (context_limit >= 0),
    ADD COLUMN endpoint_limit           int NOT NULL DEFAULT 0 CHECK (endpoint_limit >= 0),
    ADD COLUMN retention_months         int NOT NULL DEFAULT 24 CHECK (retention_months BETWEEN 1 AND 24);
COMMENT ON COLUMN accounts.monthly_signal_grace IS 'Signals accepted beyond monthly_signal_limit before anything is refused.';
COMMENT ON COLUMN accounts.retention_months IS 'Signals are kept for so many months, or for less where the instance keeps less.';

-- Limits that are set were set by the operator. FORCE hides every account from the owner, too.
ALTER TABLE accounts NO FORCE ROW LEVEL SECURITY;
UPDATE accounts SET assigned_plan = plan, operator_signal_limit = nullif(monthly_signal_limit, 0), operator_analyses_limit = nullif(analyses_per_day, 0);
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE accounts ALTER COLUMN assigned_plan SET DEFAULT 'self-hosted', ALTER COLUMN assigned_plan SET NOT NULL;

-- +goose Down
ALTER TABLE accounts
    DROP COLUMN assigned_plan, DROP COLUMN operator_plan, DROP COLUMN operator_signal_limit, DROP COLUMN operator_analyses_limit,
    DROP COLUMN monthly_signal_grace, DROP COLUMN product_limit, DROP COLUMN context_limit, DROP COLUMN endpoint_limit, DROP COLUMN retention_months;
DROP TABLE plans;
