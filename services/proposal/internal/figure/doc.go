// Package figure writes numbers as proposals show them: rounded so that a person can read them, and so that the rounded
// one is still recognised as the evidence's (proposal.Facts).
package figure
