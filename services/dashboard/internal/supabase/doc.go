// Package supabase asks Supabase Auth (GoTrue) who a person is, through gotrue-go, and checks the
// tokens it hands out by itself (RFC 8725): the algorithms are pinned by configuration, a key id
// only selects among known keys, and issuer, audience, times and subject must be right. What a
// person could write into their own metadata decides nothing. With the project's service key it
// deletes people.
package supabase
