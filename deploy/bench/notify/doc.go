// Package notify measures whether webhooks reach those who are well while others are not.
//
// The parts are real: a Postgres that fsyncs, a broker that syncs every message, the notifier as it is
// run in production, with its role and its pool, and receivers behind real sockets. Of the endpoints a
// fifth never answer, a tenth answer the first attempt of every delivery with an error, and the rest are
// well. Events are published at a steady rate; the delay of a delivery is the time from there to the
// request at the receiver.
//
// Those who never answer are given up on after five days. They pass as they would, only faster: once all
// that can be delivered is, the notifier's clock is moved on and what it scheduled is made due. The rest
// of the run is in real time.
//
// At the end every event is accounted for at every endpoint: delivered, and then acknowledged by the
// receiver exactly once, or ended with its reason and all its attempts in the log.
package notify
