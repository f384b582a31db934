// Package consume takes the facts about deleted accounts, refused signals, and what other services did to
// proposals and deployments from the bus and hands them to the domain.
package consume
