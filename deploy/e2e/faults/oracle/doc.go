// Package oracle compares what clients were told with what the database holds:
//
//	acknowledged \ stored = ∅      nothing acknowledged is lost
//	stored \ sent = ∅              nothing is invented, or filed under another account
//	count = count of distinct ids  nothing counts twice
//
// and the ids, the blocks' own counts, the rollups and the products' totals must
// tell the same number for every account.
package oracle
