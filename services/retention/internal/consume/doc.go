// Package consume hears that an account is to be deleted, or not after all, who has forgotten its owner, and which exports
// are wanted.
package consume
