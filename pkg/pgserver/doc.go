// Package pgserver runs a private Postgres as a child process: one directory, one
// unix socket, no network.
//
// It is for a single machine (`specter up`) and for tests; larger installations
// bring their own Postgres. What it promises:
//
//   - Postgres refuses to run as root, so a root parent starts it as the owner of
//     an existing cluster, else as user postgres, else as nobody.
//   - It listens on a unix socket in a directory only that user (and root) can
//     enter; therefore local connections need no password.
//   - Commits are on disk when they return (fsync, synchronous_commit, data
//     checksums), unless Options.Unsafe says otherwise.
//   - The server does not outlive its parent, however the parent ends. On Linux the
//     kernel sends the postmaster SIGINT (a fast, clean shutdown) when the thread
//     that started it dies, which is why that thread is held for as long as the
//     server runs. Elsewhere the next Start stops the orphan first.
//   - A second Start on the same directory is refused; one that follows a crash
//     waits for the previous server to finish its shutdown.
//
// Files under Options.DataDir: cluster/ (PGDATA), run/ (the socket), lock.
package pgserver
