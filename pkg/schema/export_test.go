package schema

import (
	"context"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Migrate applies only the migrations that keep wants, as an earlier version did.
func Migrate(ctx context.Context, db *pgxpool.Pool, keep func(name string) bool) error {
	set := fstest.MapFS{}
	for _, name := range fileNames() {
		if keep(name) {
			body, err := files.ReadFile("migrations/" + name)
			if err != nil {
				return err
			}
			set["migrations/"+name] = &fstest.MapFile{Data: body}
		}
	}
	return migrate(ctx, db, set)
}
