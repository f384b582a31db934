// Package publish writes signals to the SIGNALS stream: one event.SignalBatch a call, durable when
// it returns.
package publish
