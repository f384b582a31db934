-- What each account spends on a language model, by day, so that a limit can hold. One writer: proposal.
-- +goose Up
CREATE TABLE llm_spending (
    account_id            uuid NOT NULL,
    -- UTC.
    day                   date NOT NULL,
    calls                 int NOT NULL CHECK (calls > 0),
    -- Used, and reserved by calls that have not come back yet.
    tokens                bigint NOT NULL CHECK (tokens >= 0),
    -- Millionths of a US dollar.
    cost_micros           bigint NOT NULL CHECK (cost_micros >= 0),
    PRIMARY KEY (account_id, day)
);
COMMENT ON TABLE llm_spending IS 'writer: proposal. Tokens and money an account spent on a language model, one row a day (UTC), reservations included.';

ALTER TABLE llm_spending ENABLE ROW LEVEL SECURITY;
ALTER TABLE llm_spending FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON llm_spending USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));

GRANT SELECT, INSERT, UPDATE ON llm_spending TO specter_proposal;
-- It goes with its account.
GRANT SELECT, DELETE ON llm_spending TO specter_retention;

-- +goose Down
DROP TABLE llm_spending;
