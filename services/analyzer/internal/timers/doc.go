// Package timers runs the analyzer's scheduled work as River jobs:
//
//   - analyze_context: a context with new signals, once per delay, however many
//     batches came (an idle context has no job and costs nothing);
//   - analyze_now: a person asked;
//   - walk_import, walk_context: imported history, first waiting until all of it is
//     stored, then one job per context;
//   - merge_blocks: an account's small blocks, once an hour after signals came;
//   - keep_house: partitions ahead of need, positions the stream forgot;
//   - reconcile: every hour, what was acknowledged against what is stored.
//
// A job may run twice; everything it calls is idempotent.
package timers
