// Package refusal is what gateways refused of a product's signals, kept so that its people can see
// why nothing arrives: counts by code and hour, and the newest few of each code.
package refusal
