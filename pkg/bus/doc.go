// Package bus carries the catalogue's messages over JetStream: typed publish, typed consume,
// dead letters.
//
// # Publishing
//
// [Publish] returns after the broker's acknowledgement, which on our servers (sync always) means
// the message is on disk. A message's id is its Nats-Msg-Id, so publishing it again within the
// stream's duplicate window stores it once. Writes that also touch the database do not publish:
// they use pkg/outbox.
//
// # Consuming
//
// [Consume] runs a durable pull consumer. Any number of instances may run the same durable; the
// broker gives each message to one of them. What the handler returns is its verdict:
//
//	nil                          acknowledged, and the acknowledgement itself is confirmed
//	permanent (fault.Permanent,  dead letter with the reason, then terminated
//	  Invalid, NotFound, …)
//	the consumer is stopping     handed back untouched
//	a dependency is away         tried again later, for as long as it takes
//	anything else                tried again later with growing, jittered delays;
//	                             dead letter after MaxAttempts
//	none, again and again        dead letter: the message may crash its consumer
//
//	                     ┌────────────── delay ───────────────┐
//	                     ▼                                    │
//	 stream ──▶ delivered ──▶ handler ──┬─ nil ──▶ acked      │
//	                                    ├─ error ─────────────┘
//	                                    └─ permanent / too often ──▶ DEADLETTER ──▶ terminated
//	                                                                    │
//	 stream ◀────────────────────── replayed by a person ◀──────────────┘
//
// [ConsumeGroups] hands over what the broker has ready as one group, for handlers that gain from it:
// the analyzer commits a group in a few transactions. When a group fails, each of its messages is handled
// again alone and gets a verdict of its own.
//
// Delivery is at least once: a handler writes its effect and an inbox row in one transaction
// (outbox.Claim), so that a second delivery changes nothing. While a handler runs, the broker is
// told so every third of AckWait.
//
// # Dead letters
//
// The DEADLETTER stream keeps the original body and headers with the reason. [Bus.DeadLetters]
// lists them, [Bus.Replay] publishes one again under its original subject and removes it. All
// consumers of the subject see a replayed message; those that were done with it drop it by its id.
// The command `specter dlq` does both for people.
//
// [Bus.Settled], [Bus.Message] and [Bus.Bury] let a service compare what its durable has acknowledged
// with what it has stored, and mend what is missing.
package bus
