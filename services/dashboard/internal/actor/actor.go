// Package actor names who does something and in whose account: every change carries one, and the
// audit log keeps it.
package actor

import "github.com/google/uuid"

// Actor is a person or a token at work in one account.
type Actor struct {
	Account uuid.UUID
	Name    string // "user:<uuid>", "token:<uuid>", "hook:<source>", "service:<name>" or "nobody"
}

// User is a signed-in person.
func User(account, user uuid.UUID) Actor {
	return Actor{Account: account, Name: "user:" + user.String()}
}

// Token is a personal access token.
func Token(account, token uuid.UUID) Actor {
	return Actor{Account: account, Name: "token:" + token.String()}
}

// Hook is whoever holds the address, or the secret, of a product's deploy hook.
func Hook(account uuid.UUID, source string) Actor {
	return Actor{Account: account, Name: "hook:" + source}
}

// Operator is who runs this Specter, at its command line.
func Operator(account uuid.UUID) Actor { return Actor{Account: account, Name: "service:operator"} }

// Nobody is whoever could not prove who they are.
func Nobody(account uuid.UUID) Actor { return Actor{Account: account, Name: "nobody"} }

// Service is the dashboard itself, when a clock decides.
func Service(account uuid.UUID) Actor { return Actor{Account: account, Name: "service:dashboard"} }

// Billing is what Stripe says of an account.
func Billing(account uuid.UUID) Actor { return Actor{Account: account, Name: "service:billing"} }
