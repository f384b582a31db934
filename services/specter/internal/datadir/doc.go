// Package datadir owns the directory in which the all-in-one keeps everything: it claims
// it for one process, and keeps the secrets that are made once.
//
//	specter.lock    held while running; names the process
//	secrets.json    0600, made at the first start
//	bootstrap.json  0600, the first run's account (package bootstrap)
//	nats/ postgres/ the broker's and the database's own
package datadir
