// Package testkit gives tests the real things: a migrated Postgres database of
// their own, a real NATS server, a connected bus, a tenant to work with.
//
//	func TestMain(m *testing.M) { testkit.NoLeaks(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		db := testkit.Postgres(t)                    // fresh, migrated, dropped afterwards
//		tenant := testkit.SeedTenant(t, db)          // account, product, context, ingest key
//		pool := db.Pool(t, "specter_analyzer")       // what the service gets in production
//		b := testkit.Bus(t)                          // broker of its own, streams made
//		…
//	}
//
// Each test process runs one Postgres, started when first needed from a cached
// cluster that already holds the migrated template; a test's database is a copy of
// the template (some tens of milliseconds). A missing PostgreSQL fails the test.
package testkit
