// Package parts holds what the black-box suites share: the built programs, a
// broker and a database of their own to take away and bring back, and a person
// who uses the dashboard's API.
package parts
