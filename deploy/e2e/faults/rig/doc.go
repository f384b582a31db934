// Package rig sets up what signals go through on their way — a broker, a database,
// gateways and an analyzer, each a process of its own — so that a test can take any
// of them away and count afterwards. Proving does so for deployments and their tests.
package rig
