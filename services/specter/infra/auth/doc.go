// Package auth is a small auth server for one machine. It speaks the part of
// Supabase Auth's REST interface that gotrue-go uses, so the dashboard talks to it
// and to Supabase the same way.
//
//	POST /signup                          e-mail and password; signed in at once (no confirmation mail)
//	POST /token?grant_type=password       sign in
//	POST /token?grant_type=refresh_token  the next access token
//	POST /logout?scope=global|local|others
//	GET  /user, PUT /user                 the signed-in user; change e-mail, password, data
//	POST /recover, GET /verify            password recovery by a delivered link
//	DELETE /admin/users/{id}              with the service key
//	GET  /health, GET /settings
//
// What it promises:
//
//   - Passwords are kept as argon2id (OWASP's parameters), never logged, and hashed
//     by a bounded number of workers, so sign-ins cannot exhaust memory.
//   - A wrong password and an unknown address get the same answer after the same
//     work. Sign-up cannot hide that an address is taken, since without mail there
//     is no other way to tell the person; it is throttled like sign-in.
//   - Access tokens are HS256 JWTs for one hour. Refresh tokens are exchanged once;
//     a second exchange of the same token ends the whole sign-in. As with Supabase,
//     a repetition within ten seconds counts as a lost answer and gets the same
//     successor again.
//   - Ended sessions stop working at once at this server; elsewhere an access token
//     lives out its hour unless the session is checked.
package auth
