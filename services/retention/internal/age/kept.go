package age

import "time"

const (
	importedIDs = "imported_ids"
	day         = 24 * time.Hour
	// twoYears is the policy's 24 months, whichever they are.
	twoYears = 731 * day
)

// aged are rows of a table that go at an age of their own, and what they are in plain words.
type aged struct {
	table, what string
	keep        time.Duration
}

// agedRows lists all there are: what a purge removes is what people are told of.
func agedRows() []aged {
	return []aged{
		{"deliveries", "the log of webhook deliveries, with what was sent and answered", 30 * day},
		{"ingest_refusals", "counts of signals that were refused", 90 * day},
		{"ingest_refusal_samples", "cleaned samples of signals that were refused", 7 * day},
		{"idempotency_keys", "answers kept for repeated requests", day},
		{importedIDs, "ids of imported signals, by which a repeated import is recognised", twoYears},
	}
}

// Kept says in plain words how old a thing may become.
type Kept struct {
	What string
	For  time.Duration
}

// Kept lists what goes at an age of its own, beside signals.
func (k *Keeper) Kept() []Kept {
	kept := []Kept{{"ids of signals, by which a repeated one is recognised", idsKeep}}
	for _, rows := range agedRows() {
		kept = append(kept, Kept{rows.what, rows.keep})
	}
	return kept
}
