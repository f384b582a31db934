-- A builder that was killed is found by its timer, so nobody has to see another account's build.
-- +goose Up
DROP POLICY unfinished ON export_builds;

-- +goose Down
CREATE POLICY unfinished ON export_builds FOR SELECT TO specter_retention USING (finished_at IS NULL);
