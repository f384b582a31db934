// Package safehttp is the HTTP client for addresses other people choose: webhook
// endpoints. It refuses every URL that could reach something other than a public
// server on the internet (server-side request forgery, SSRF).
//
// A URL is judged twice. [Guard.CheckURL] answers when it is saved, so that the
// person who typed it learns why it cannot be used. [Guard.Client] judges it again
// for every request: the text of the URL, then every address its name resolves to at
// that moment, then once more the address the socket is about to connect to. A name
// that was public when it was saved and is private now (DNS rebinding) is refused
// before the first packet.
//
// The rules, in the order in which they are applied:
//
//   - the text: at most 2,048 bytes of valid UTF-8 without controls, spaces or
//     backslashes; https, or http where the policy allows it; no user information;
//     no percent sign in the authority; a port of the allowed set
//   - the host: Unicode is folded first (UTS #46), so that circled digits or a
//     full-width dot cannot hide an address. A host whose last label is a number is
//     an address and must be a canonical dotted quad; everything else must be a
//     host name of at least two labels outside the names that are private by
//     convention (localhost, internal, local, cloud metadata services, …)
//   - the addresses: only what the IANA registries call globally reachable. One bad
//     address in an answer refuses the whole answer
//
// Redirects are never followed, proxies of the environment are never used, and
// answers are bounded in size and time. An operator's own proxy ([Policy.Proxy]) is
// asked for a tunnel to the very address that passed.
package safehttp
