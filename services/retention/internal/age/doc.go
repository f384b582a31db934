// Package age holds the rules of deleting by age: which partitions must exist before they are
// needed, and what is too old to be kept.
package age
