// Package telemetry makes the three things an operator looks at: JSON log lines, Prometheus
// metrics on their own port, and W3C trace context carried across HTTP and the bus. Log lines name
// nobody: short hashes stand for ids, and e-mail addresses are left out.
package telemetry
