// Package origin says which pages of the web may use a key: it reads what people write down as allowed
// origins, and compares the Origin header of a browser's request with it.
//
//	https://shop.example     that origin and no other: scheme, host and port are all compared
//	https://*.shop.example   every subdomain of shop.example, however deep, and not shop.example itself
//
// An origin is what RFC 6454 and the URL standard call one: http or https, a host, and a port unless it
// is the scheme's own. What cannot be read as one is never allowed; nor is "null", which browsers send
// for pages without an origin. A program that is no browser can send any Origin it likes: this keeps
// other people's pages from using a key, not other people's programs.
package origin
