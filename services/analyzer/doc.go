// Package analyzer stores signals and finds out what is going wrong.
//
// Consumes:  signal.batch (stream SIGNALS); analysis.requested, import.completed,
// deployment.regressed.
//
// Produces:  signal.first_received, analysis.completed, finding.opened, finding.renewed, each
// in the transaction that makes it true.
//
// Stores:    signal_ids, imported_ids, signal_blocks, rollup_hourly,
// rollup_dimension_hourly, rollup_funnel_hourly, session_samples, product_activity,
// stream_positions, stream_parts, reconciliations, analyses, findings, analysis_queue,
// analysis_counts, signal_counts; timers in schema river_analyzer.
//
// Promises:
//   - A signal counts once: redelivery, replay, a client's retry within 24 h (also
//     across midnight, and however late either is stored) and a repeated import change
//     nothing.
//   - Ids, raw blocks, rollup deltas and samples of sessions of a message's accounts are committed
//     together, in at most four parts, and each part is known as committed when the
//     message comes again. The last commits the message's position, and the broker
//     hears of it after that. Messages that are ready together share the
//     transactions; one that cannot be stored holds none of the others back.
//   - Every hour what was acknowledged is compared with what is stored; a message
//     that is neither stored nor a dead letter is stored then.
//   - A context is analysed a few minutes after it got signals; an idle one costs
//     nothing. Accounts take turns, so that one with thousands of contexts keeps no
//     other waiting; an account's analyses of a day, if they are limited, are spread
//     over it and shared by its contexts. Imported history is judged hour by hour, without look-ahead.
//   - That signals are missing which were refused (the limit was used up, too many came at
//     once, a key had expired or was not for their origin) is no finding.
//   - With nothing wrong at most 5 % of product-weeks see a finding; one incident
//     is one finding; its evidence can be computed again from the rollups.
//
// The way of a batch: internal/consume → internal/signal and internal/session (the rules) →
// internal/postgres (a transaction a part) → internal/timers (the analysis that is due)
// → internal/analysis → internal/detect and internal/explain.
package analyzer
