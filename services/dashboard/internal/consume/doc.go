// Package consume takes the facts about deleted accounts from the bus and hands them to the domain.
package consume
