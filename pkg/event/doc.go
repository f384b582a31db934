// Package event is the catalogue of everything that travels on the bus: each message's name,
// version, body and stream. Subjects and streams are spelled here and nowhere else.
//
// A [Type] ties a name to its protobuf body, so publishing and consuming are checked by the
// compiler:
//
//	bus.Publish(ctx, b, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{…})
//
// A subject reads <stream>.<noun>.<verb>.v<version>.<account>; the last token lets one account's
// messages be found, and removed when the account is deleted. Messages are facts in the past
// tense; bodies only grow (new fields), and a breaking change gets the next version beside the
// old one until nobody consumes it.
//
// docs/EVENTS.md is written from this catalogue.
package event

//go:generate go run ./doc -proto ../../proto/specter/event/v1 -o ../../docs/EVENTS.md
