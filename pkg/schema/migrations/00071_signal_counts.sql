-- What became of what gateways accepted, by the month in which it counts: what monthly limits are compared with.
-- +goose Up
CREATE TABLE signal_counts (
    account_id            uuid NOT NULL,
    -- First day of the calendar month (UTC) in which a gateway received the signals.
    month                 date NOT NULL,
    stored                bigint NOT NULL DEFAULT 0 CHECK (stored >= 0),
    -- Not stored, because they had come before (a client resends what it has had no answer to) or their product is gone.
    unstored              bigint NOT NULL DEFAULT 0 CHECK (unstored >= 0),
    PRIMARY KEY (account_id, month)
);
COMMENT ON TABLE signal_counts IS 'writer: analyzer. Signals that gateways accepted, by the month they were received in; imports are not among them.';
ALTER TABLE signal_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE signal_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON signal_counts USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));
GRANT SELECT, INSERT, UPDATE ON signal_counts TO specter_analyzer;
GRANT SELECT ON signal_counts TO specter_dashboard;
GRANT SELECT, DELETE ON signal_counts TO specter_retention;

-- +goose Down
DROP TABLE signal_counts;
