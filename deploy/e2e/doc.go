// Package e2e is the black-box suite: it starts the real binaries, talks to
// them only through public interfaces (HTTP, the script tag in Chromium,
// signed webhooks, the command line) and proves the same loop in both modes —
// one process, and seven processes beside a separate broker and database.
package e2e
