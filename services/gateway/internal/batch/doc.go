// Package batch makes signals durable by group commit.
//
// Every acknowledgement of the broker costs one fsync, so requests that are in flight together are
// packed into one message and released by one acknowledgement:
//
//	Submit ──▶ ┌──────────────┐      ┌────────────────────┐ ack   every Ticket of
//	Submit ──▶ │ next message │ ───▶ │ one message        │ ────▶ the message returns nil
//	Submit ──▶ └──────────────┘      │ (one store.Append) │ ────▶ or the same error
//	           bounded               └────────────────────┘ error
//
// A lone request never waits for company: an idle committer takes it at once, and while that waits for
// the disk the next message fills up by itself. In a crowd a message waits until most of it is in
// there, or for Options.Pause (ADR 10). A request arrives encoded and is copied to the end
// of the message that is filling, so a message is ready to be sent the moment it is taken.
//
// What waits is bounded in bytes and requests. When it is full, or when the store has stopped
// answering, Submit fails at once with a retryable error; memory stays flat and callers are told
// the truth. While the store is down one request at a time is let through to find out whether it
// is back:
//
//	         append failed
//	healthy ───────────────▶ down ──┐ every ProbeInterval one request tries
//	   ▲                       ▲    │
//	   │  append succeeded     └────┤ append failed
//	   └────────────────────────────┘
package batch
