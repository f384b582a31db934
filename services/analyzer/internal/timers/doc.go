// Package timers runs the analyzer's scheduled work as River jobs:
//
//   - take_turn: an account with contexts that got signals, some minutes after the
//     first of them, however many batches came. It analyses the contexts that wait
//     and goes behind the other accounts (see below); an account whose contexts are
//     idle has no job and costs nothing;
//   - look_for_silence: at the hour in which no signals of a context would be a finding;
//     if none came, the context is queued as if some had;
//   - analyze_now: a person asked;
//   - walk_import, walk_context: imported history, first waiting until all of it is
//     stored, then one job per context;
//   - merge_blocks: an account's small blocks, once an hour after signals came;
//   - keep_house: partitions ahead of need, positions the stream forgot;
//   - reconcile: every hour, what was acknowledged against what is stored.
//
// Accounts take turns:
//
//	signals ─▶ account A: ▣▣▣▣▣▣▣▣  ┐
//	           account B: ▣         ├─▶ take_turn A, B, C, A, A, …
//	           account C: ▣▣        ┘   a moment each while others wait
//
// So the work of one account never keeps another's waiting for more than a moment
// or one analysis, whatever it has queued, and an account's own contexts go in the
// order in which they fell due. An account's analyses run one at a time.
//
// A job may run twice; everything it calls is idempotent.
package timers
