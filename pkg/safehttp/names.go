package safehttp

import "strings"

// privateSuffixes are names that never lead to a public server: reserved by RFC 6761,
// 6762, 7686, 8375, 9476 and by ICANN (internal; corp, home and mail for collisions),
// or used inside clusters and home networks by convention.
var privateSuffixes = map[string]struct{}{
	"localhost": {}, "localdomain": {}, "local": {}, "internal": {}, "intranet": {}, "intra": {}, "localnet": {},
	"private": {}, "corp": {}, "home": {}, "mail": {}, "lan": {}, "test": {},
	"invalid": {}, "onion": {}, "alt": {}, "arpa": {}, "svc": {}, "cluster": {},
	"consul": {}, "docker": {}, "kubernetes": {}, "workgroup": {},
}

// metadataNames are public-looking names under which clouds serve credentials to
// machines inside them; each also covers the names below it.
var metadataNames = []string{
	"metadata.goog",
	"metadata.tencentyun.com",
	"metadata.packet.net",
	"metadata.platformequinix.com",
	"metadata.cloud.ibm.com",
	"metadata.azure.com",
}

// isPrivateName reports names that only mean something inside a network. A single
// label is one always: it would be completed by the search list of whoever asks.
func isPrivateName(name string, labels []string) bool {
	if len(labels) < 2 {
		return true
	}
	if _, ok := privateSuffixes[labels[len(labels)-1]]; ok {
		return true
	}
	for _, m := range metadataNames {
		if name == m || strings.HasSuffix(name, "."+m) {
			return true
		}
	}
	return false
}
