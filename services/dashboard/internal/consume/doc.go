// Package consume takes the facts about accounts that leave, refused signals, keys that were used, and what
// other services did to proposals, deployments and endpoints from the bus and hands them to the domain.
package consume
