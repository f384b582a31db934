-- How much of the traffic got a deployment.
-- +goose Up
ALTER TABLE deployments ADD COLUMN canary_share smallint NOT NULL DEFAULT 100 CHECK (canary_share BETWEEN 0 AND 100);
COMMENT ON COLUMN deployments.canary_share IS 'percent of the traffic that got it';

-- +goose Down
ALTER TABLE deployments DROP COLUMN canary_share;
