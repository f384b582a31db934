// Package apikey makes and checks the text form of Specter's keys and tokens: a prefix that says
// what it is (spk_ ingests, spt_ is a personal access token, sph_ opens a deploy hook, sps_ a proof
// page), 30 random base62 characters and 6 base62 characters of the CRC-32 (IEEE) of all that.
//
// The checksum lets secret scanners and our own edge refuse a typo without a look-up; it proves
// nothing about validity. Only the SHA-256 of the whole text is ever looked up.
package apikey
