// Package letter sends mail from timers: inserted in the transaction that decides it, tried again for two days while the
// mail server is away, and given up when it refuses for good.
//
// A service that sends letters gives [Queue] its workers beside its other queues, inserts jobs with [Options], and ends
// each run with [Sent]. Whether a letter went out is for the service to note, so that one is not sent twice.
package letter
