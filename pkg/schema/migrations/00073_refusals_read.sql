-- Signals that were refused are missing for a reason that is no behaviour: who judges how many come must know of them.
-- +goose Up
GRANT SELECT ON ingest_refusals TO specter_analyzer, specter_verifier;

-- +goose Down
REVOKE SELECT ON ingest_refusals FROM specter_analyzer, specter_verifier;
