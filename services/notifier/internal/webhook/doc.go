// Package webhook sends signed requests: Standard Webhooks (standardwebhooks.com), through the
// guarded client that refuses private addresses and redirects.
package webhook
