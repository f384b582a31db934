// Package consume takes the facts about deleted accounts and refused signals from the bus and hands
// them to the domain.
package consume
