// Package mail sends people plain-text e-mail, one message to one address.
//
// [Open] returns the [Sender] that the settings name: a mail server (SPECTER_SMTP_URL), else a
// [Spool], a directory from which the operator passes links on by hand, else one that drops every
// message and says so in the log.
//
// What it promises:
//
//   - No header can be injected: a recipient is exactly one address, a subject exactly one line.
//   - Nothing leaves in clear text: TLS is required unless the mail server is on this machine.
//   - A send ends within [Timeout], whatever the mail server does.
//   - Neither recipients nor texts are logged or part of an error.
//
// Send reports a failure once and keeps nothing: who must not lose a message sends it from a job
// that is tried again. [IsTemporary] tells whether that can help.
package mail
