// Package consume takes the facts about deployments from the bus and hands them to the domain.
package consume
