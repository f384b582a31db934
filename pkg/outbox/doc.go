// Package outbox joins a service's database writes and its messages, in both directions.
//
// Going out: [Put] writes a message into outbox_<service> in the transaction of the change it
// tells of; [Outbox.Relay] publishes committed rows and deletes them after the broker's
// acknowledgement. Coming in: [Outbox.Claim] writes an event's id into inbox_<service> in the
// transaction of its effect.
//
//	transaction ─┬─ change                    relay (one active a service)
//	             └─ outbox row ──commit──▶ publish ──▶ acknowledged ──▶ delete row
//	                                          ▲             │
//	                                          └── crash ◀───┘ published again under the same id:
//	                                                          the broker drops it, or the
//	                                                          consumer's Claim says "not fresh"
//
// Messages of one account (and writes of one CATALOG key) are published in the order of their
// rows: the next is sent after the one before is acknowledged. Messages of different accounts
// overtake each other freely.
package outbox
