// Package keyuse tells the dashboard which ingest keys are in use, so that people see when each was used last.
//
// A request costs it nothing but reading one word, unless it is its key's first in a minute. What is
// noted is published every few seconds, many keys a message. While the broker is away the newest uses of
// a bounded number of keys are kept; what is lost then is told again within a minute of the next use.
package keyuse
