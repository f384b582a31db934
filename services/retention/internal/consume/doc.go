// Package consume hears that an account is to be deleted, or not after all, and which exports are wanted.
package consume
