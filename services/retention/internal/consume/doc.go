// Package consume hears that an account is to be deleted, or not after all, and who has forgotten its owner.
package consume
