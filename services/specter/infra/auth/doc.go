// Package auth is a small auth server for one machine. It speaks the part of
// Supabase Auth's REST interface that gotrue-go and Supabase's clients use for people
// with an e-mail address, so the dashboard talks to it and to Supabase the same way.
//
//	POST /signup                          e-mail and password; by mail or, with autoconfirm, signed in at once
//	POST /token?grant_type=password       sign in
//	POST /token?grant_type=refresh_token  the next access token
//	POST /token?grant_type=pkce           the code that a link left, for a session (RFC 7636)
//	POST /logout?scope=global|local|others
//	GET  /user, PUT /user                 the signed-in user; change e-mail, password, data
//	POST /recover                         mail a link to choose a new password
//	POST /otp, /magiclink                 mail a link and a code to sign in, or to sign up
//	POST /resend                          mail the link of a sign-up or a change of address again
//	GET  /verify                          what links lead to; redirects to the site
//	POST /verify                          use a link's token, or a code, for a session
//	GET, POST /admin/users                list, make      } with the service key
//	GET, DELETE /admin/users/{id}         show, remove    }
//	POST /admin/generate_link             a link unmailed }
//	GET  /health, /settings, /.well-known/jwks.json
//
// # People, sign-ups and links
//
//	            sign up                 open the link
//	nobody ───────────────▶ sign-up ───────────────────▶ user
//	                         │  24 h                      │ change e-mail
//	                         ▼                            ▼
//	                       nobody      both addresses open their links ──▶ user
//
// A sign-up is kept apart from users until its link is opened. So it is one and the
// same work, with one and the same answer, whether somebody has the address or not, and
// an address that nobody confirms leaves nothing. Its owner is told by mail.
//
// Anybody can sign up any address, and the latest sign-up replaces the one before
// together with its link. So only the link mailed for a sign-up confirms its password. One
// that is asked for later, to confirm, to recover or to sign in, confirms none: whoever
// reads the mail chooses it then.
//
// # What it promises
//
//   - Passwords are kept as argon2id (OWASP's parameters), never logged, and hashed
//     by a bounded number of workers, so sign-ins cannot exhaust memory.
//   - No answer and no time tells whether an address is known: sign-in hashes as much,
//     sign-up writes as much, a wrong code is refused no sooner than after a fixed time,
//     and mail is sent after the answer. Nor does any answer tell whether a sign-up waits:
//     signing in with its password is refused as with a wrong one, where Supabase says
//     email_not_confirmed. With autoconfirm, sign-up cannot hide who is there, since
//     without mail there is no other way to tell the person.
//   - Guesses are throttled per address and place. Whoever uses them up locks out their
//     own place only, unless they come from ten places at once; a link by mail signs in
//     even then. Only what lets somebody in forgives the guesses before it, never the
//     password of a sign-up that waits. Counts are kept in memory: a restart forgives.
//   - Links and codes are kept as digests and work once, for the person and the address
//     they were made for. Five wrong tries end a code. A new password ends other
//     sessions and the links mailed before it. Links lead below the site only.
//   - Access tokens are HS256 JWTs for one hour. Refresh tokens are exchanged once;
//     a second exchange of the same token ends the whole sign-in. As with Supabase,
//     a repetition within ten seconds counts as a lost answer and gets the same
//     successor again.
//   - Ended sessions stop working at once at this server; elsewhere an access token
//     lives out its hour unless the session is checked.
//   - A deleted user leaves nothing here, nor in mail kept for the operator.
//
// Package authtest holds this server and the real one to the same expectations.
package auth
