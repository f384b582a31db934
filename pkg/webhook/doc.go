// Package webhook is the form in which facts leave Specter: which of them people can subscribe to
// ([Kinds]), how each reads ([Data], [Envelope]), and how a request is signed ([Sign], Standard
// Webhooks, standardwebhooks.com).
//
// The notifier sends them, the dashboard lists them and shows them live, and `specter webhooks
// listen` passes them on: all three through this package, so that what a developer sees on their own
// machine is what their server will get.
//
// Names and fields are a public contract: fields are only added.
package webhook
