package event

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	mib = 1 << 20
	gib = 1 << 30

	// week is policy: nothing of a signal is at the broker for longer, so that what the database forgets is gone there.
	week = 7 * 24 * time.Hour

	// DuplicateWindow is how long the broker remembers a message id. The outbox relay and the
	// gateway retry well within it; what comes later is caught by the consumers' inbox.
	DuplicateWindow = 5 * time.Minute

	// MaxMessageBytes bounds one message: a signal batch of 1 MiB and its envelope.
	MaxMessageBytes = 2 * mib
)

// CatalogBucket is the key-value bucket of what the gateway knows: keys, products, accounts.
const CatalogBucket = "CATALOG"

// CatalogSubject is where a write of a bucket's key lands.
func CatalogSubject(key string) string { return "$KV." + CatalogBucket + "." + key }

// QuotaBucket is the key-value bucket of what accounts have used of their monthly limits.
const QuotaBucket = "QUOTA"

// QuotaComplete is the bucket's key that is there while the bucket holds every account's month: whoever finds it but no
// entry of an account knows that the account has used nothing. It goes when the bucket is lost.
const QuotaComplete = "complete"

// QuotaKeep is longer than anybody asks after a month that is over.
const QuotaKeep = 100 * 24 * time.Hour

// QuotaKey is the bucket's key of an account's calendar month (UTC) that holds at.
func QuotaKey(account uuid.UUID, at time.Time) string {
	return account.String() + "." + at.UTC().Format("2006-01")
}

// QuotaOver reports whether a key is, or a subject ends in, that of a month that ended longer than QuotaKeep before now.
func QuotaOver(key string, now time.Time) bool {
	month, err := time.Parse("2006-01", key[strings.LastIndexByte(key, '.')+1:])
	return err == nil && now.Sub(month.AddDate(0, 1, 0)) > QuotaKeep
}

// QuotaMonthKeys matches the bucket's keys of every account's month that holds at.
func QuotaMonthKeys(at time.Time) string { return "*." + at.UTC().Format("2006-01") }

// filler ends the subjects of messages that tell nothing: they fill a file at the broker and are removed again.
const filler = "filler"

// Filler is the subject of what fills a stream's file.
func Filler(s Stream) string { return s.Prefix + "." + filler }

// BucketFiller is the subject of what fills a bucket's file.
func BucketFiller(bucket string) string { return "$KV." + bucket + "." + filler }

// AttemptsBucket is the key-value bucket of handlings that have begun and not ended, of messages that
// come often; a key is "<consumer>.<sequence>".
const AttemptsBucket = "ATTEMPTS"

// AttemptsKeep is longer than a stream keeps a message for its consumers.
const AttemptsKeep = 10 * 24 * time.Hour

// InstanceBucket is the key-value bucket in which the running services disclose what becomes of people's
// data under their settings; a key is "<service>.<hash>".
const InstanceBucket = "INSTANCE"

// InstanceKeep is how long a disclosure outlives the service that made it.
const InstanceKeep = time.Hour

var signals = Stream{
	Name: "SIGNALS", Prefix: "signals", MaxAge: week, MaxBytes: 4 * gib,
	MaxMessageBytes: MaxMessageBytes, DuplicateWindow: DuplicateWindow,
	Doc: "Batches of signals as the gateway acknowledged them, until the analyzer has stored them.",
}

var facts = Stream{
	Name: "EVENTS", Prefix: "events", MaxAge: week, MaxBytes: 1 * gib,
	MaxMessageBytes: MaxMessageBytes, DuplicateWindow: DuplicateWindow,
	Doc: "Facts, past tense: what one service found out or a person decided, for every other service.",
}

// What gateways tell beside signals is told as far as there is room: a sender who floods a gateway with
// nonsense must not fill the streams that others depend on.
var refusals = Stream{
	Name: "REFUSALS", Prefix: "refusals", MaxAge: 2 * 24 * time.Hour, MaxBytes: 64 * mib,
	MaxMessageBytes: MaxMessageBytes, DuplicateWindow: DuplicateWindow,
	Doc: "What gateways tell beside signals: what they refused, counted and sampled, for the people who wonder why nothing arrives, and which keys were used. The oldest make room.",
}

// DeadLetters holds what no consumer could process, with the reason, until somebody replays it.
// Its subjects are deadletter.<consumer>.<the original subject>.
func DeadLetters() Stream {
	return Stream{
		Name: "DEADLETTER", Prefix: "deadletter", MaxAge: week, MaxBytes: 256 * mib,
		// The original and the headers that say why.
		MaxMessageBytes: MaxMessageBytes + 64<<10, DuplicateWindow: DuplicateWindow,
		Doc: "Messages a consumer gave up on, with reason, consumer, attempts and the original headers.",
	}
}

// Advisories holds the broker's own notices of messages it stopped delivering: an entry here that
// has no dead letter is a message nobody dealt with.
func Advisories() Stream {
	return Stream{
		Name: "ADVISORIES", Prefix: "$JS.EVENT.ADVISORY", MaxAge: week, MaxBytes: 32 * mib,
		subjects: []string{
			"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
			"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
		},
		DuplicateWindow: DuplicateWindow,
		Doc:             "The broker's MAX_DELIVERIES and MSG_TERMINATED advisories.",
	}
}

// Streams are the streams that hold catalogue types.
func Streams() []Stream { return []Stream{signals, facts, refusals} }

// Signals is the stream of signal batches.
func Signals() Stream { return signals }

// Facts is the stream of events.
func Facts() Stream { return facts }

// Refusals is the stream of what gateways refused.
func Refusals() Stream { return refusals }

// DeadLetterSubject is where consumer's dead letter of a message from subject goes.
func DeadLetterSubject(consumer, subject string) string {
	return DeadLetters().Prefix + "." + consumer + "." + subject
}
